"""The web console: one page over the public API, without anything from elsewhere.

``pages``: what is served where. ``routes``: how FastAPI serves it.
"""
