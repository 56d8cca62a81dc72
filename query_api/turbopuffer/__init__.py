"""The turbopuffer dialect: routes only, no search logic."""
