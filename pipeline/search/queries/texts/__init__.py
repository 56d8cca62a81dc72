"""Plans of queries about texts.

``minimum``: ``minimum_should_match``.
``graphs``: what a text may be read as, when there are several terms for a position.
``match``: match, match_phrase, match_phrase_prefix, match_bool_prefix.
``multi``: multi_match.
"""
