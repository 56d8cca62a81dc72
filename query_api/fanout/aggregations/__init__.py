"""Partials of partitions to the answer's JSON. Pure.

``words``: how results are called.
``shown``: keys and values as Elasticsearch writes them.
``metrics``: metrics as Elasticsearch writes them.
``orders``: which buckets are shown, in which order.
``pipelines``: what is computed of what others show.
``reduce``: all of it.
"""
