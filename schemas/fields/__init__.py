"""Parts of a mapping that know nothing of its fields.

``similarity``: how a field scores.
``dynamic_templates``: definitions of fields that a mapping does not know.
"""
