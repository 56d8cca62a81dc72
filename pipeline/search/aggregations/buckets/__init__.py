"""One module per kind of aggregation that makes buckets: which documents are in which.

``hashes`` · ``rounding`` · ``groups`` · ``counts`` · ``terms`` · ``histograms`` · ``slots`` · ``key_kernels`` · ``keys`` · ``compound``
"""
