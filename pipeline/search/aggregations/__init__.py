"""One module per kind of aggregation: from matching documents to a mergeable partial."""
