"""A partition kept in files of this machine: what the embedded log is made of.

In reading order: ``frames`` is one append as bytes, ``file`` a file of frames and how bytes reach the disk, ``tail`` the
newest batches in memory, ``cursor`` one reader's way through both, ``partition`` group commit and failing disks.
"""
