"""One module per kind of aggregation that computes something of each bucket's documents.

``numbers`` · ``top_rows``
"""
