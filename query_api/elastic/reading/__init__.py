"""What is searched and what a hit shows.

``explain``: why a document matches.
``asking``: one question to the partitions of some indices; ``own``: what each of these is asked.
``keeping``, ``scroll``, ``point_in_time``: one state, asked again and again.
``source``: ``_source`` byte for byte, or filtered.
``hit_fields``: fields of a hit.
``sort_values``: sort values and scores.
``search``: _search, _count, _msearch.
``render``: results to Elasticsearch's JSON.
"""
