"""Ingest processors of the Elasticsearch dialect, applied before the log."""
