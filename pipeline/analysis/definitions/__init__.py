"""Settings ``analysis.*`` of an index to components.

``flat``: settings as they are stored, and the tree that they mean.
``parameters``: reading the parameters of one component.
``char_filter_types``: types of character filters.
``tokenizer_types``: types of tokenizers.
``filter_types``: types of token filters that take few parameters.
``rich_filter_types``: types of token filters that take many, or other components.
``analyzer_types``: types of analyzers and normalizers.
``analyzer_set``: all of an index by name; what each field is analysed with.
"""
