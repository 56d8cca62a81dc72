"""What analyzers know of languages.

``stop_words``: function words of each language, and where they are looked up.
``stop_words_north``: those of the Germanic, Finnic and Hungarian languages.
``stop_words_south``: those of the Romance languages, Russian and Turkish.
``analyzers``: each language's chain of filters.
"""
