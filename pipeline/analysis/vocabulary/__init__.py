"""What an analyzer's filters make of terms.

``results``: found once per distinct term, kept across batches.
``expand_kernels``: a column's tokens replaced by what their terms became.
"""
