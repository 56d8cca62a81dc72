"""The web console: one page over the public API, without anything from elsewhere.

``routes``: the page and where it is served.
"""
