"""Plans of queries about texts.

``minimum``: ``minimum_should_match``.
``match``: match, match_phrase, match_phrase_prefix, match_bool_prefix.
``multi``: multi_match.
"""
