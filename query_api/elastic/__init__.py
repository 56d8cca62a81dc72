"""The Elasticsearch dialect: routes only, no search logic.

``wire``: one request and its answer: parameters, bodies, errors, names of indices.
``reading``: _search and its like; what a hit shows.
``writing``: _bulk and the routes of single documents.
``admin``: indices, the cluster, our own routes.
``metadata``: aliases, templates, blocks, fields.
``monitoring``: figures about the node and its indices.
``cat``: tables.
``batches``: work on all documents that a query finds.
"""
