"""What searches compute on arrays, compiled.

``score_kernels``: every posting scored; lists intersected, united, added.
``heap_kernels``: the best k so far.
``limit_kernels``: filters, looked at when a document matters.
``led_kernels``: the best k documents that all have one term, without looking at every posting.
``all_kernels``: the same for documents with all terms, or with a phrase.
``top_kernels``: the same for documents with any of several terms.
``view_kernels``: the same over all segments of a view.
``first_kernels``: the first documents of terms, where all score the same.
``phrase_kernels``: how often terms stand together in a document.
``column_kernels``: documents whose values or ids are wanted.
``zone_kernels``: extremes of columns by zones of rows; the best rows by a column.
``count_kernels``: documents counted by what a column says.
"""
