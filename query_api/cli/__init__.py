"""One command, `sediment`: serve, work, load, search, replay, verify and the rest.

``main``: the command table; each command is a few lines of wiring.
"""
