"""What crosses a boundary: values only, no I/O, imports nothing of ours.

``ids``: the small names: index, partition, segment, offset, document number.
``limits``: every bound in the system, asserted against each other at import.
``errors``: the error kinds, each with its HTTP status and whether a retry may help.
``fields``: similarities, dynamic templates.
``mapping``: an index mapping: fields, types, analyzers.
``mapping_rules``: how two mappings merge; what users may not ask for.
``records``: many log records as columns.
``events``: what a record of an index topic means: its headers, and the columns they become.
``outcomes``: what became of a write, as both sides of the log name it.
``query``: the query tree that both REST dialects are parsed into.
``aggregations``: what a request asks to be aggregated.
``routing``: document id to partition: the one hash that both sides use.
``settings``: every setting, one frozen model per component.
``results``: what a partition answers: hits, sort keys, aggregation partials.
"""
