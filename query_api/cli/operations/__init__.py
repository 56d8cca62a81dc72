"""Long work on an index from the shell, over REST or on a data directory.

``arguments``: what each command takes.
``access``: the same calls, over REST or in this process.
``watch``: jobs until they are over, with bars.
``replay``: rebuild from the log.
``verify``: compare with a rebuild.
``trace``: the events that made a document.
``redrive``: dead letters sent again.
"""
