"""Indices, the cluster, our own routes.

``settings``: index settings to flat texts and back.
``indices``: create, delete, mapping, settings, refresh.
``analyze``: _analyze.
``cluster``: /, _cluster/health, _cluster/stats.
``sediment``: /_sediment, /health, /metrics.
``operations``: replay, verify, history, redrive.
"""
