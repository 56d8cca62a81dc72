"""JSON bytes to columns, without Python work per document.

``columns``: what comes out: columns by field, rejects, unknown fields.
``lines``: NDJSON bodies to lines.
``scanner``: documents to a tape of leaves.
``rejects``: why a document cannot be indexed, in words.
``paths``: what each JSON path means under a mapping.
``dates``: dates by format, read and written.
``date_texts``: columns of dates, written.
``addresses``: IP addresses.
``conversions``: the leaves of one field to its column, type by type.
``inference``: fields that the mapping does not know.
``extract``: a scanned batch to all columns.
``twin``: the same from the standard library's parser, document by document: slow and obvious.
"""
