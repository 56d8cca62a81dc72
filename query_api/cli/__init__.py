"""One command, `sediment`: serve, load, search, status and the rest.

``main``: the command table; each command is a few lines of wiring.
``serve``: one process with all roles.
``warmup``: every kernel compiled by use, once.
``background``: the REST side in a thread of this process.
``client``: a small REST client.
``load``: NDJSON over REST.
``produce``: NDJSON straight onto a topic.
``search``: hits in the terminal.
``status``: how far everything is.
``operations``: replay, verify, trace, redrive.
``corpus``: a real corpus at hand.
``demo``: index it, search it.
``doctor``: what is wrong, and what to do.
"""
