"""How arrays lie in the key-value store: in checksummed chunks, read when first used.

``keys`` is the one table of keys, ``encode_kernels`` and ``encodings`` make an array's bytes smaller, ``pieces`` cuts
them into checksummed chunks and joins them, ``deletions`` packs alive
masks, ``cache`` keeps loaded arrays within a budget, ``damage`` notes what reading found, ``arrays`` is a stored segment as a mapping of arrays.
"""
