"""One module per column of a segment: postings, positions, norms, values, sources."""
