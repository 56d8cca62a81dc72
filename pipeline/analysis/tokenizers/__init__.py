"""Tokenizers: how a text is cut into words.

``compiled``: those that kernels cut columns with: standard, letter, lowercase, whitespace, keyword.
``patterns``: by regular expressions: pattern, simple_pattern, char_group, uax_url_email, classic.
``grams``: n-grams, edge n-grams, paths.
``chinese``: words of Chinese, by a dictionary.
"""
