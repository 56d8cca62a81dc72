"""Indices, the cluster, our own routes.

``settings``: index settings to flat texts and back.
``indices``: create, delete, mapping, settings, refresh.
``analyze``: _analyze.
``cluster``: /, _cluster, _nodes, _stats.
``cat``: the tables of _cat.
``sediment``: /_sediment, /health, /metrics.
``operations``: replay, verify, history, redrive.
"""
