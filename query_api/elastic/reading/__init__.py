"""What is searched and what a hit shows.

``source``: ``_source`` byte for byte, or filtered.
``hit_fields``: fields of a hit.
``sort_values``: sort values and scores.
``search``: _search, _count, _msearch.
``render``: results to Elasticsearch's JSON.
"""
