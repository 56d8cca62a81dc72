"""One module per kind of query: from a node of the query tree to matching documents and scores.

``plan``: what a query becomes once it met a mapping.
``leaves``: term, terms, prefix, wildcard, regexp, fuzzy, exists, ids.
``ranges``: range.
``texts``: match and its kin.
``compile``: the whole tree; boosts and boolean defaults.
``expand``: terms in place of what stands for them.
``selection``: sets of documents of a segment, with or without scores.
``filters``: which documents of a segment a filter selects.
``phrases``: phrases with alternatives or repeated terms.
``evaluate``: a plan on one segment: all documents that match, and their scores.
``tables``: where the arrays of a view's fields lie; terms looked up.
``limits``: the filters around a query, looked at or made masks.
``top``: a plan on all segments: only the best, skipping what cannot matter.
"""
