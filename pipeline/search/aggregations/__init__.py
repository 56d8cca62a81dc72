"""One module per kind of aggregation: from matching documents to a mergeable partial.

``partials`` · ``merge`` · ``sum_kernels`` · ``sums`` · ``rounding`` · ``hashes`` · ``fields`` · ``terms`` · ``histograms`` · ``slots`` ·
``metrics`` · ``collect``
"""
