"""``aggs``: named aggregations, nested in each other, with every parameter checked.

``buckets`` · ``parse``
"""
