"""``aggs``: named aggregations, nested in each other, with every parameter checked.

``buckets`` · ``compounds`` · ``metrics`` · ``top_hits`` · ``pipelines`` · ``parse``
"""
