"""The on-disk format of one partition; the read and the write side meet here only.

``format`` names the arrays of a segment, ``build`` makes them from columns (``postings_kernels`` packs and unpacks postings),
``merge`` makes one segment of several, ``reader`` reads them wherever they lie. ``manifest`` is what a partition holds at one
offset, ``store`` writes segments and commits manifests. ``digest`` (``digest_kernels``) says
whether two partitions hold the same. ``ids`` (``ids_kernels``) finds the last operation on an id, ``view`` is
a point in time that a search works on.
"""
