"""What may become of a mapping.

``merge``: one mapping laid over another.
``checks``: what users may not ask for.
"""
