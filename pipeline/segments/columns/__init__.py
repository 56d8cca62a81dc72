"""One module per column of a segment.

``norms``: field lengths in one byte.
``term_kernels``: sorting, gathering and finding byte strings.
``terms``: a field's dictionary.
``invert_kernels``: tokens to blocks of postings.
``inverted``: the arrays of an inverted field, made.
``postings``: the postings of a field, read.
``numbers``: values and ordinals by document.
``sources``: the stored documents, in compressed blocks.
``merge_kernels``: postings of several segments, term by term.
``merge_inverted``: the inverted arrays of several segments to one.
``merge_sources``: stored documents of several segments to one.
"""
