"""Standing queries: searches that wait for documents."""
