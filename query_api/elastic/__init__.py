"""The Elasticsearch dialect: routes only, no search logic."""
