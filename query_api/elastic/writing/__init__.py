"""Documents on their way in, and by their id back.

``actions``: the body of _bulk to columns.
``writes``: to the writer and back: options, outcomes, items.
``documents``: the routes of single documents, _mget.
``bulk``: _bulk.
"""
