"""What crosses a boundary: values only, no I/O, imports nothing of ours.

``ids``: the small names: index, partition, segment, offset, document number.
``limits``: every bound in the system, asserted against each other at import.
``errors``: the error kinds, each with its HTTP status and whether a retry may help.
``documents``: a document and its identity; what a field value may be.
``mapping``: an index mapping: fields, types, analyzers; how two mappings merge.
``records``: many log records as columns.
``events``: what is written on the log: put, patch, delete, mapping change, barrier.
``query``: the query tree that both REST dialects are parsed into.
``aggregations``: what a request asks to be aggregated.
``routing``: document id to partition: the one hash that both sides use.
``codec``: events to bytes and back, with a version byte.
``settings``: every setting, one frozen model per component.
``results``: what a partition answers: hits, sort keys, aggregation partials.
"""
