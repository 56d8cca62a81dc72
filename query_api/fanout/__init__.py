"""One question to many partitions, one answer back."""
