"""What is kept of many numbers, one row for each bucket, so that rows of several parts can be added up in any order.

``sum_kernels`` · ``sums`` · ``sketch_kernels`` · ``sketches`` · ``digest_kernels`` · ``digests``
"""
