"""The write side and the index: from the log to a searchable partition.

``app``: composition root of the worker process: the only place that builds and wires.
``partition_server``: the worker's own small surface: search one partition, outcomes, freshness.
"""
