"""What is computed for the hits of a page.

``fields``: values from the columns or from the source.
``passages``: parts of a text around what matched, scored.
``highlight``: what of a text matched, between tags.
``explain``: why a document scored as it did.
"""
