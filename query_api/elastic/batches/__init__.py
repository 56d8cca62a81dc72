"""Work on all documents that a query finds, a page at a time.

``pages``: the documents of one state, in the order of the log.
``work``: what is counted, how conflicts and failures end it, in the background or not.
``by_query``: _delete_by_query, _update_by_query.
``reindex``: _reindex.
"""
