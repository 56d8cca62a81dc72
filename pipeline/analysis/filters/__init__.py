"""Token filters: what is done to words after the text was cut.

``cases``: letters to other letters: lower and upper case, decimal digits, reversal.
``folding``: letters with marks to ASCII.
``selection``: words kept, left out, cut, marked.
``patterns``: regular expressions as Java writes them.
``stems``: stems of the Snowball languages, overrides, elisions, possessives.
``grams``: n-grams, edge n-grams, shingles.
``delimiter``: parts of words.
``synonyms``: rules, and the graph of what they give.
``streams``: filters that look at neighbours: unique, limit, fingerprint, bigrams of Chinese, Japanese and Korean.
"""
