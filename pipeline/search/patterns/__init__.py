"""Terms of a dictionary that look like what a query asks for.

``globs``: patterns of ``*`` and ``?``.
``regexps``: Lucene's regular expressions as a deterministic machine.
``syntax``: their text, read.
``derivatives``: expressions and what is left of them after a character.
``similar``: terms within one or two edits.
``pattern_kernels``: the scans of sorted terms.
"""
