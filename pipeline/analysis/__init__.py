"""Text to terms: a pure library.

``characters``: the class and the lower case of each Unicode code point, from a table that is part of the release.
``characters_build``: makes that table.
``standard_kernels``: the standard tokenizer's grammar, code point by code point.
``intern_kernels``: byte strings to dense numbers.
``tokenize_kernels``: columns of text to numbered tokens, 64 bytes at a time.
``scratch``: buffers that a thread uses again, inputs that are read only.
``words``: what flows through an analyzer, and what a token filter is.
``char_filters``: what is done to a text before it is cut, with the way back to its offsets.
``analyzer``: what an analyzer is; one text to its terms.
``columns``: a column of texts to numbered tokens.
``registry``: names to analyzers.

Packages: ``tokenizers``, ``filters`` (of tokens), ``languages`` (stop words, chains), ``definitions`` (an index's settings to analyzers),
``vocabulary`` (what filters make of each term).
"""
