"""The on-disk format of one partition; the read and the write side meet here only."""
