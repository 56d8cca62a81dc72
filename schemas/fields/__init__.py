"""Parts of a mapping that know nothing of its fields.

``similarity``: how a field scores.
``wildcards``: names and patterns.
``dynamic_templates``: definitions of fields that a mapping does not know.
"""
