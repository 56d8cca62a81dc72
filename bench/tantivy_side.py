"""The peer: tantivy as its Python package offers it.

Ingestion takes ``IndexWriter.add_json``: JSON goes to Rust as it is and is parsed there. (``Document.from_dict`` over orjson
was as fast within noise on two cores, the writer's threads being the bottleneck, and costs the calling thread more.) The
document is kept by ``stored=True`` on each field, which is tantivy's own way and its cheapest; documents are never
replaced, so tantivy does no work for upserts, while our side does.
"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tantivy

from bench import fields as kinds
from bench.corpus import Corpus
from bench.fields import Field
from bench.queries import HISTOGRAM_DAYS, SIZE, Case
from bench.rounds import bytes_below

THREADS = 2
# 2 x 32 MB: the fastest of 64, 128, 256, 512 and 1,024 MB for this measure (small last segments make commit() short)
HEAP_MB = 64
# The package has no call to merge: one thread with as much memory as a writer may have leaves one segment.
ONE_SEGMENT = {"heap_mb": 4_000, "threads": 1}
WARM_UP_DOCUMENTS = 2_000


def schema(fields: Sequence[Field]) -> Any:
    """The same fields as our mapping: positions and lengths for text, raw terms and a column for keywords, columns for numbers."""
    builder = tantivy.SchemaBuilder()
    for one in fields:
        if one.kind == kinds.KEY:
            builder.add_text_field(one.name, stored=True, tokenizer_name="raw", index_option="basic")
        elif one.kind == kinds.KEYWORD:
            builder.add_text_field(one.name, stored=True, fast=True, tokenizer_name="raw", index_option="basic")
        elif one.kind == kinds.TEXT:
            builder.add_text_field(one.name, stored=True, tokenizer_name="default", index_option="position")
        else:
            add = {
                kinds.INTEGER: builder.add_integer_field,
                kinds.SECONDS: builder.add_integer_field,
                kinds.FLOAT: builder.add_float_field,
                kinds.BOOLEAN: builder.add_boolean_field,
                kinds.DATE: builder.add_date_field,
            }[one.kind]
            add(one.name, stored=True, indexed=True, fast=True)
    return builder.build()


def ingest(corpus: Corpus, folder: Path, *, heap_mb: int = HEAP_MB, threads: int = THREADS) -> dict[str, Any]:
    """Index a corpus into a folder. The clock: from JSON bytes in memory until commit() returned and the reader sees it all."""
    _warm_up(corpus, folder / "warm")
    documents = corpus.lines()
    home = folder / "index"
    home.mkdir(parents=True)
    index = tantivy.Index(schema(corpus.fields), path=str(home))
    begin, cpu = time.perf_counter(), time.process_time()
    writer = index.writer(heap_size=heap_mb << 20, num_threads=threads)
    add = writer.add_json
    for document in documents:
        add(document.decode())
    added = time.perf_counter()
    writer.commit()
    index.reload()
    searcher = index.searcher()
    end, cpu = time.perf_counter(), time.process_time() - cpu
    found, segments = searcher.num_docs, searcher.num_segments
    assert found == corpus.documents, f"tantivy shows {found} of {corpus.documents} documents"
    writer.wait_merging_threads()
    merged = time.perf_counter()
    index.writer(heap_size=HEAP_MB << 20, num_threads=1).garbage_collect_files()
    return {
        "documents_per_second": corpus.documents / (end - begin),
        "megabytes_per_second": corpus.json_bytes / 1e6 / (end - begin),
        "seconds": end - begin,
        "cpu_us_per_document": cpu / corpus.documents * 1e6,
        "adding_seconds": added - begin,
        "commit_seconds": end - added,
        "merging_afterwards_seconds": merged - end,
        "segments_at_commit": segments,
        "disk_bytes": bytes_below(home),
    }


def _warm_up(corpus: Corpus, folder: Path) -> None:
    folder.mkdir(parents=True)
    index = tantivy.Index(schema(corpus.fields), path=str(folder))
    writer = index.writer(heap_size=HEAP_MB << 20, num_threads=THREADS)
    for document in corpus.lines(0, WARM_UP_DOCUMENTS):
        writer.add_json(document.decode())
    writer.commit()
    writer.wait_merging_threads()


def query_of(index: Any, case: Case) -> Any:
    """A case as tantivy's query objects; terms with frequencies, as scoring needs them."""
    schema = index.schema
    scored = _scored(schema, case)
    filters = []
    if case.keyword:
        filters.append(tantivy.Query.term_query(schema, *case.keyword, index_option="basic"))
    if case.between:
        name, low, high = case.between
        filters.append(tantivy.Query.range_query(schema, name, tantivy.FieldType.Integer, low, high))
    must = tantivy.Occur.Must
    clauses = [(must, tantivy.Query.const_score_query(one, 0.0)) for one in filters]
    return tantivy.Query.boolean_query([(must, scored), *clauses]) if clauses else scored


def _scored(schema: Any, case: Case) -> Any:
    if case.how == "phrase":
        return tantivy.Query.phrase_query(schema, case.field, list(case.words))
    clauses = [_clause(schema, case, word) for word in case.words]
    if len(clauses) == 1:
        return clauses[0]
    occur = tantivy.Occur.Should if case.how == "or" else tantivy.Occur.Must
    return tantivy.Query.boolean_query([(occur, one) for one in clauses])


def _clause(schema: Any, case: Case, word: str) -> Any:
    match case.how:
        case "prefix":
            return tantivy.Query.regex_query(schema, case.field, f"{word}.*")
        case "wildcard":
            return tantivy.Query.regex_query(schema, case.field, word.replace("*", ".*"))
        case "fuzzy":
            return tantivy.Query.fuzzy_term_query(schema, case.field, word, distance=1, transposition_cost_one=True)
        case _:
            return tantivy.Query.term_query(schema, case.field, word, index_option="freq")


def aggregation_of(case: Case, kind: str) -> dict[str, Any]:
    """The aggregation, as tantivy takes it; ``kind`` of the histogram's field: dates in seconds are plain numbers here."""
    if case.aggregate:
        return {"top": {"terms": {"field": case.aggregate, "size": SIZE}}}
    if kind == kinds.DATE:
        return {"top": {"date_histogram": {"field": case.histogram, "fixed_interval": f"{HISTOGRAM_DAYS}d"}}}
    return {"top": {"histogram": {"field": case.histogram, "interval": HISTOGRAM_DAYS * 86_400.0}}}


class Asked:
    """A searcher over what ``ingest`` left, asked as ``search`` wants it."""

    def __init__(self, folder: Path, fields: Sequence[Field]) -> None:
        self._index = tantivy.Index.open(str(folder))
        self._searcher = self._index.searcher()
        self._key = fields[0].name
        self._kinds = {f.name: f.kind for f in fields}

    @property
    def segments(self) -> int:
        """Segments searched."""
        return int(self._searcher.num_segments)

    def prepared(self, case: Case) -> tuple[Any, Any]:
        """Query, and the aggregation or else what to sort by."""
        beside = aggregation_of(case, self._kinds.get(case.histogram or "", "")) if case.counts else case.newest
        return query_of(self._index, case), beside

    def rows(self, asked: tuple[Any, Any]) -> Any:
        """The best rows."""
        query, newest = asked
        if newest:
            return self._searcher.search(query, SIZE, count=False, order_by_field=newest, order=tantivy.Order.Desc).hits
        return self._searcher.search(query, SIZE, count=False).hits

    def ids(self, asked: tuple[Any, Any]) -> list[str]:
        """The best rows' ids, from their stored documents."""
        return [self._searcher.doc(address)[self._key][0] for _, address in self.rows(asked)]

    def buckets(self, asked: tuple[Any, Any]) -> Any:
        """The aggregation's answer."""
        return self._searcher.aggregate(*asked)

    def count(self, asked: tuple[Any, Any]) -> int:
        """All documents that match."""
        return int(self._searcher.search(asked[0], 1, count=True).count)
