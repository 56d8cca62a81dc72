"""Names and definitions beside the indices themselves.

``aliases``: other names of indices.
``templates``: what new indices begin with.
``blocks``: close and open indices, forbid what may be done to them.
``fields``: _field_caps.
``resolution``: which names an expression finds; where its documents lie.
"""
