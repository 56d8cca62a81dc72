"""One question to many partitions, one answer back.

``ports``: what a partition can be asked.
``services``: what the composition root gives to the dialects.
``lookup``: documents by id.
``freshness``: how far each partition is.
``scatter``: ask all, with one deadline; keep what failed and say so.
``ranking``: the best hits of several partitions in one order.
``merge_aggregations``: partials to the answer's JSON.
``aggregation_orders``: which buckets are shown, in which order.
``aggregation_values``: keys and values as Elasticsearch writes them.
``metric_values``: metrics as Elasticsearch writes them.
``local``: partitions in this process.
"""
