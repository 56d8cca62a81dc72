"""One module per kind of query: from a node of the query tree to matching documents and scores.

``plan``: what a query becomes once it met a mapping.
``minimum``: ``minimum_should_match``.
``leaves``: term, terms, prefix, wildcard, exists, ids.
``ranges``: range.
``texts``: match, match_phrase, multi_match.
``compile``: the whole tree; boosts and boolean defaults.
``selection``: sets of documents of a segment, with or without scores.
``filters``: which documents of a segment a filter selects.
``evaluate``: a plan on one segment: all documents that match, and their scores.
``top``: a plan on all segments: only the best, skipping what cannot matter.
"""
