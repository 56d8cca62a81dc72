"""Elasticsearch query DSL to the query tree: a pure parser.

``values`` · ``leaves`` · ``likeness`` · ``query_string`` · ``simple_query_string`` · ``compounds`` · ``sort`` · ``source``
``parse`` · ``defaults``; package: ``aggregations``
"""
