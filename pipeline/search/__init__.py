"""Search one partition at one point in time.

``searcher``: a view that answers: statistics, the best rows, what is shown of them.
``date_math``: ``now-1d/d`` and dates that leave something out.
``values``: a query's values as a field understands them.
``patterns``: terms that look like what a query asks for.
``queries``: one module per kind of query.
``statistics``: live counts of terms; the weights that follow for the whole index.
``cache``: what is remembered of immutable segments.
``columns``: what follows from a segment's columns.
``sort``: sort keys of documents, and values of ``search_after``.
``collect``: the best rows by several keys.
``lookup``: one document's row.
``fetch``: rows to hits.
``warm``: every kernel of searching, compiled ahead.
"""
