"""Elasticsearch query DSL to the query tree: a pure parser."""
