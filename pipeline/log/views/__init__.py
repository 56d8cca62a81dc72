"""A log seen through something else.

``measured`` counts what goes through.
"""
