"""The web console: pages over the public API."""
