"""Every bound in the system in one table; relations between bounds are asserted at import."""

from typing import Final

# --- bytes -------------------------------------------------------------------------------------
DOCUMENT_BYTES_MAX: Final = 16 << 20  # one record's value; above it: 413
REQUEST_BYTES_MAX: Final = 100 << 20  # one HTTP body; Elasticsearch's http.max_content_length
ID_BYTES_MAX: Final = 512  # Elasticsearch's limit of an _id
INDEX_NAME_BYTES_MAX: Final = 255
KEYWORD_BYTES_MAX: Final = 32_766  # Lucene's longest indexed term
TOKEN_CHARACTERS_MAX: Final = 255  # the standard tokenizer cuts longer tokens at this length
READABLE_PAD_BYTES: Final = 128  # kernels read this far beyond the last byte of a buffer
CHUNK_BYTES: Final = 256 << 10  # a segment array is stored in chunks of this size
WRITE_BATCH_BYTES_MAX: Final = 4 << 20  # a RocksDB write holds the interpreter lock as long as it copies

# --- documents and mappings --------------------------------------------------------------------
DEPTH_MAX: Final = 100  # nesting of a JSON document as the scanner follows it
FIELD_DEPTH_MAX: Final = 20  # nesting of mapped objects (index.mapping.depth.limit)
DELETED_MAX: Final = 1000  # deleted indices whose remains are looked for at the start
FIELDS_MAX: Final = 1000  # fields of an index (index.mapping.total_fields.limit)
FIELD_NAME_BYTES_MAX: Final = 512

# --- log and worker ----------------------------------------------------------------------------
PARTITIONS_MAX: Final = 1024
BATCH_RECORDS_MAX: Final = 10_000  # records a worker applies at once
BATCH_BYTES_MAX: Final = 16 << 20
OUTCOMES_KEPT: Final = 16_384  # offsets whose outcome is part of the committed state
REQUEST_IDS_KEPT_OFFSETS: Final = 100_000  # how far back, in offsets, a request-id is remembered
DELETED_IDS_KEPT_OFFSETS: Final = 1_000_000  # how far back, in offsets, a deleted id is remembered

# --- queries -----------------------------------------------------------------------------------
RESULT_WINDOW_MAX: Final = 10_000  # from + size (index.max_result_window)
INNER_RESULT_WINDOW_MAX: Final = 100  # from + size of top_hits (index.max_inner_result_window)
CLAUSES_MAX: Final = 1024  # indices.query.bool.max_clause_count
TERMS_QUERY_MAX: Final = 65_536  # index.max_terms_count
REGEXP_CHARACTERS_MAX: Final = 1_000  # index.max_regex_length
EXPANSIONS_DEFAULT: Final = 50  # terms that a fuzzy or prefix clause of a text stands for
QUERY_DEPTH_MAX: Final = 30  # indices.query.query_string / nested bools
BUCKETS_MAX: Final = 65_535  # search.max_buckets
AGGREGATION_DEPTH_MAX: Final = 20
CONTEXTS_MAX: Final = 500  # open scrolls, and open points in time (search.max_open_scroll_context)
KEEP_ALIVE_MAX_S: Final = 86_400  # search.max_keep_alive
SLICES_MAX: Final = 1024  # index.max_slices_per_scroll
TOTAL_HITS_DEFAULT: Final = 10_000  # track_total_hits counts exactly up to here
HIGHLIGHT_CHARACTERS_MAX: Final = 1_000_000  # index.highlight.max_analyzed_offset
DOC_VALUE_FIELDS_MAX: Final = 100  # index.max_docvalue_fields_search
QUERY_TEXT_CHARACTERS_MAX: Final = 1_000_000  # of one text in a query; what it becomes is bounded by CLAUSES_MAX

assert DOCUMENT_BYTES_MAX <= REQUEST_BYTES_MAX
assert ID_BYTES_MAX < KEYWORD_BYTES_MAX < CHUNK_BYTES < WRITE_BATCH_BYTES_MAX <= BATCH_BYTES_MAX
assert FIELD_DEPTH_MAX < DEPTH_MAX
assert READABLE_PAD_BYTES >= 128
assert BATCH_RECORDS_MAX <= OUTCOMES_KEPT <= REQUEST_IDS_KEPT_OFFSETS <= DELETED_IDS_KEPT_OFFSETS
