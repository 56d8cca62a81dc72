"""Each span, metric and label that exists, with unit and meaning.

A name that is not in this table cannot be measured: ``metrics`` and ``tracing`` take entries of the
table, not strings. The reference pages are made from it. To add a metric, add an entry here.

Labels have few values each: an index name, a kind, an outcome. Document ids, queries, users and error
texts are never labels. A metric keeps at most `series_max` label sets; further ones count as OTHER.
"""

from dataclasses import dataclass

OTHER = "other"
SERIES_MAX = 1_000

# upper bounds of histogram buckets
SECONDS = (
    0.0005,
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
    30.0,
)
LONG_SECONDS = (0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0, 1_800.0)
COUNTS = (1.0, 10.0, 100.0, 500.0, 1_000.0, 5_000.0, 10_000.0, 50_000.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """What all three kinds have in common."""

    name: str
    unit: str
    meaning: str
    labels: tuple[str, ...] = ()
    series_max: int = SERIES_MAX


@dataclass(frozen=True, slots=True, kw_only=True)
class Counter(Metric):
    """Only goes up; its name ends in _total."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauge(Metric):
    """Goes up and down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram(Metric):
    """Counts of observations up to each bucket's upper bound."""

    buckets: tuple[float, ...] = SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A use case whose duration and outcome are traced."""

    name: str
    meaning: str
    attributes: tuple[str, ...] = ()


# ------------------------------------------------------------------ REST

REST_REQUESTS = Counter(
    name="sediment_rest_requests_total",
    unit="requests",
    labels=("dialect", "route", "status"),
    meaning="requests answered, by dialect, route pattern and status class (2xx, 4xx, 5xx)",
)
REST_SECONDS = Histogram(
    name="sediment_rest_request_seconds",
    unit="seconds",
    labels=("dialect", "route"),
    meaning="time from the request's first byte to the answer's last",
)
REST_IN_FLIGHT = Gauge(
    name="sediment_rest_in_flight_requests",
    unit="requests",
    meaning="requests being answered now",
)

# ------------------------------------------------------------------ writing

INGEST_DOCUMENTS = Counter(
    name="sediment_ingest_documents_total",
    unit="documents",
    labels=("index", "outcome"),
    meaning="documents of write requests, by outcome: accepted, rejected, conflict",
)
INGEST_BYTES = Counter(
    name="sediment_ingest_bytes_total",
    unit="bytes",
    labels=("index",),
    meaning="bytes of documents accepted",
)
INGEST_SECONDS = Histogram(
    name="sediment_ingest_batch_seconds",
    unit="seconds",
    labels=("index",),
    meaning="time from a write request to the log's acknowledgement",
)
INGEST_BATCH_DOCUMENTS = Histogram(
    name="sediment_ingest_batch_documents",
    unit="documents",
    labels=("index",),
    buckets=COUNTS,
    meaning="documents appended to the log together",
)
INGEST_IN_FLIGHT_BYTES = Gauge(
    name="sediment_ingest_in_flight_bytes",
    unit="bytes",
    meaning="bytes accepted and not yet acknowledged by the log",
)
INGEST_REFUSED = Counter(
    name="sediment_ingest_refused_total",
    unit="requests",
    labels=("reason",),
    meaning="write requests refused for backpressure: in_flight (memory.writes_bytes), lag (their partition was too far behind)",
)
INGEST_QUEUE_SECONDS = Histogram(
    name="sediment_ingest_queue_seconds",
    unit="seconds",
    labels=("index",),
    meaning="time that a piece of a write waited for its turn to be appended, because its partition had enough to apply",
)
INGEST_DECISION_SECONDS = Histogram(
    name="sediment_ingest_decision_seconds",
    unit="seconds",
    labels=("index",),
    meaning="time from the log's acknowledgement of a write to its partition's decision",
)
DEAD_LETTERS = Counter(
    name="sediment_dead_letters_total",
    unit="events",
    labels=("index", "reason"),
    meaning="events set aside to be sent again, by the code of their reason (mapper_parsing …)",
)

# ------------------------------------------------------------------ the log

LOG_APPENDED = Counter(
    name="sediment_log_appended_records_total",
    unit="records",
    labels=("topic",),
    meaning="records the log has acknowledged",
)
LOG_APPEND_SECONDS = Histogram(
    name="sediment_log_append_seconds",
    unit="seconds",
    meaning="time for one append, from hand-over to acknowledgement",
)
LOG_READ = Counter(
    name="sediment_log_read_records_total",
    unit="records",
    labels=("topic",),
    meaning="records read from the log",
)
LOG_READ_BYTES = Counter(
    name="sediment_log_read_bytes_total",
    unit="bytes",
    labels=("topic",),
    meaning="bytes of keys and values read from the log",
)

# ------------------------------------------------------------------ materialising

APPLIED_RECORDS = Counter(
    name="sediment_materialise_applied_records_total",
    unit="records",
    labels=("index", "partition"),
    meaning="log records applied to a partition",
)
APPLIED_OFFSET = Gauge(
    name="sediment_materialise_applied_offset",
    unit="offset",
    labels=("index", "partition"),
    meaning="the offset up to which a partition is searchable",
)
LAG = Gauge(
    name="sediment_materialise_lag_records",
    unit="records",
    labels=("index", "partition"),
    meaning="records between the log's end and the applied offset",
)
MATERIALISE_QUEUE_SECONDS = Gauge(
    name="sediment_materialise_queue_seconds",
    unit="seconds",
    labels=("index", "partition"),
    meaning="how long a partition needs, at the rate of the last second of work, for what lies before the log's end",
)
COMMIT_SECONDS = Histogram(
    name="sediment_materialise_commit_seconds",
    unit="seconds",
    labels=("index",),
    meaning="time to write segment list and offset in one batch",
)
MERGE_SECONDS = Histogram(
    name="sediment_materialise_merge_seconds",
    unit="seconds",
    labels=("index",),
    buckets=LONG_SECONDS,
    meaning="time to carry out one merge plan",
)
MERGE_BYTES = Counter(
    name="sediment_materialise_merge_bytes_total",
    unit="bytes",
    labels=("index",),
    meaning="bytes of segments written by merges",
)
BUFFER_BYTES = Gauge(
    name="sediment_materialise_buffer_bytes",
    unit="bytes",
    labels=("index", "partition"),
    meaning="memory of segments that no commit has yet",
)
SEGMENTS = Gauge(
    name="sediment_segments",
    unit="segments",
    labels=("index", "partition"),
    meaning="live segments",
)
SEGMENT_BYTES = Gauge(
    name="sediment_segment_bytes",
    unit="bytes",
    labels=("index", "partition"),
    meaning="bytes of live segments",
)
ID_INDEX_BYTES = Gauge(
    name="sediment_id_index_bytes",
    unit="bytes",
    labels=("index", "partition"),
    meaning="memory of a partition's id index, which no budget bounds: about a hundred bytes for each id",
)
DOCUMENTS = Gauge(
    name="sediment_documents",
    unit="documents",
    labels=("index", "partition"),
    meaning="documents alive",
)
DOCUMENTS_DELETED = Gauge(
    name="sediment_deleted_documents",
    unit="documents",
    labels=("index", "partition"),
    meaning="documents deleted or replaced whose segments are not yet merged",
)
VERIFICATIONS = Counter(
    name="sediment_verifications_total",
    unit="verifications",
    labels=("index", "outcome"),
    meaning="partitions compared with their rebuild, by outcome: equal, different",
)
SAMPLES = Counter(
    name="sediment_samples_total",
    unit="samples",
    labels=("index", "outcome"),
    meaning="samples of a partition compared with its log in the background, by outcome: equal, different",
)
DAMAGED = Counter(
    name="sediment_damaged_partitions_total",
    unit="partitions",
    labels=("index",),
    meaning="partitions whose files were damaged and that were rebuilt from the log",
)
PARTITION_DIGEST = Gauge(
    name="sediment_partition_digest",
    unit="number",
    labels=("index", "partition"),
    meaning="the first 48 bits of the documents' digest: equal offsets must show equal numbers, on any machine",
)
PARTITION_DIGEST_OFFSET = Gauge(
    name="sediment_partition_digest_offset",
    unit="offset",
    labels=("index", "partition"),
    meaning="the offset at which the digest was taken",
)

# ------------------------------------------------------------------ searching

SEARCH_REQUESTS = Counter(
    name="sediment_search_requests_total",
    unit="requests",
    labels=("index", "outcome"),
    meaning="searches fanned out, by outcome: whole, partial, failed, timed_out",
)
SEARCH_SECONDS = Histogram(
    name="sediment_search_seconds",
    unit="seconds",
    labels=("index",),
    meaning="time from a parsed query to merged results",
)
PARTITION_SEARCH_SECONDS = Histogram(
    name="sediment_partition_search_seconds",
    unit="seconds",
    labels=("index",),
    meaning="time one partition needed for one query",
)
PARTITION_FAILURES = Counter(
    name="sediment_partition_failures_total",
    unit="answers",
    labels=("index", "reason"),
    meaning="partitions that did not answer, by reason: timeout, unreachable, error",
)
CACHE_LOOKUPS = Counter(
    name="sediment_cache_lookups_total",
    unit="lookups",
    labels=("cache", "outcome"),
    meaning="lookups of each cache, by outcome: hit, miss",
)
CACHE_BYTES = Gauge(
    name="sediment_cache_bytes",
    unit="bytes",
    labels=("cache",),
    meaning="memory held by each cache: arrays (memory.arrays_bytes), log (log.cache_bytes), blocks (a part of memory.stores_bytes), "
    "search_* (memory.search_bytes)",
)
STORE_BUFFER_BYTES = Gauge(
    name="sediment_store_buffer_bytes",
    unit="bytes",
    labels=(),
    meaning="memory of the write buffers of all stores (a part of memory.stores_bytes)",
)

# ------------------------------------------------------------------ storage, snapshots, the rest


# ------------------------------------------------------------------ spans

SPAN_REST = Span(
    name="rest.request",
    meaning="one request, from its first byte to the answer's last",
    attributes=("dialect", "route", "status"),
)
SPAN_INGEST = Span(
    name="ingest.write",
    meaning="check, batch, append and acknowledge one write request",
    attributes=("index", "documents", "bytes"),
)
SPAN_APPLY = Span(
    name="materialise.apply",
    meaning="apply one batch of log records to a partition",
    attributes=("index", "partition", "records"),
)
SPAN_MERGE = Span(
    name="materialise.merge",
    meaning="one merge plan",
    attributes=("index", "partition", "segments"),
)
SPAN_RECOVER = Span(
    name="materialise.recover",
    meaning="open a partition and replay the log until it is live",
    attributes=("index", "partition"),
)
SPAN_SEARCH = Span(
    name="search.fanout",
    meaning="one query to all partitions and back",
    attributes=("index", "partitions"),
)
SPAN_PARTITION = Span(
    name="search.partition",
    meaning="one query in one partition",
    attributes=("index", "partition", "hits"),
)

METRICS: tuple[Counter | Gauge | Histogram, ...] = tuple(
    entry for entry in list(globals().values()) if isinstance(entry, Counter | Gauge | Histogram)
)
SPANS: tuple[Span, ...] = tuple(entry for entry in list(globals().values()) if isinstance(entry, Span))
