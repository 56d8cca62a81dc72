"""The tables of _cat.

``table``: aligned text or JSON.
``indices``: indices, documents, partitions, aliases, templates.
``nodes``: the cluster and its one node.
"""
