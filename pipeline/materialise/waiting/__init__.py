"""Who waits for a partition, and for how long.

``pace`` — how fast it applies
``desk`` — where writers wait for decisions, and what is read together while they do
"""
