"""Traces, metrics, logs: every name in one table.

``names``: each span, metric and label that exists, with unit and meaning.
``metrics``: counters, gauges and histograms with bounded label sets.
``tracing``: spans around use cases.
``propagation``: trace context through log record headers.
``logs``: structured lines with trace ids.
"""
