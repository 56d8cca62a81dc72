"""One module per kind of query: from a node of the query tree to matching documents and scores."""
