"""What is computed for the hits of a page.

``fields``: values from the columns or from the source.
``highlight``: fragments around what matched.
``explain``: why a document scored as it did.
"""
