"""Elasticsearch query DSL to the query tree: a pure parser.

``values`` · ``leaves`` · ``compounds`` · ``query_string`` · ``sort`` · ``source`` · ``buckets`` · ``aggregations`` · ``parse``
"""
