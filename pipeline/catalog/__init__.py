"""Indices, mappings, aliases: a state machine over the control log."""
