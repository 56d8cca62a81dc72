"""Partials of partitions to the answer's JSON. Pure.

``shown``: keys and values as Elasticsearch writes them.
``metrics``: metrics as Elasticsearch writes them.
``orders``: which buckets are shown, in which order.
``reduce``: all of it.
"""
