"""One module per kind of aggregation that makes buckets: which documents are in which.

``hashes`` · ``terms`` · ``rounding`` · ``histograms`` · ``slots``
"""
