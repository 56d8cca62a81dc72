"""Random documents as plain Python, their columns, and the slow obvious index over them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import strategies as st

from pipeline.analysis.registry import build_analyzer
from pipeline.json_columns.columns import BytesValues, NumberValues, Values
from pipeline.segments.build import build_segment
from pipeline.segments.format import SegmentData
from pipeline.segments.reader import SegmentReader
from schemas.ids import SegmentId
from schemas.mapping import IndexMapping, parse_mapping
from schemas.records import ByteColumn

MAPPING = parse_mapping(
    {
        "properties": {
            "text": {"type": "text"},
            "plain": {"type": "text", "norms": False, "analyzer": "whitespace"},
            "stopped": {"type": "text", "analyzer": "stop"},
            "hidden": {"type": "text", "index": False},
            "tag": {"type": "keyword"},
            "sorted": {"type": "keyword", "index": False},
            "found": {"type": "keyword", "doc_values": False},
            "address": {"type": "ip"},
            "count": {"type": "long"},
            "price": {"type": "double"},
            "flag": {"type": "boolean"},
            "when": {"type": "date"},
        }
    }
)
TEXTS = ("text", "plain", "stopped")
KEYWORDS = ("tag", "sorted", "found", "address")
NUMBERS = ("count", "price", "flag", "when")

_WORDS = "a b the The quick fox don't 3.14 naïve ÉCOLE 漢字かな カタカナ x_y ___ 👍🏻 ... foo.bar,baz"
_word = st.sampled_from(_WORDS.split())
_text = st.lists(_word, max_size=12).map(" ".join) | st.text(max_size=20)
_keyword = st.sampled_from(["", "a", "a\0", "abcdefgh", "abcdefgh\0", "abcdefghi", "abcdefghij", "zz", "ü"]) | st.text(
    max_size=12
)
_keyword_bytes = _keyword.map(lambda s: s.encode("utf-8", "replace"))
_integer = st.integers(-(1 << 63), (1 << 63) - 1) | st.integers(-3, 3)
_value: Mapping[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys((*TEXTS, "hidden"), _text.map(lambda s: s.encode("utf-8", "replace"))),
    **dict.fromkeys(("tag", "sorted", "found"), _keyword_bytes),
    "address": st.binary(min_size=16, max_size=16) | st.just(bytes(16)),
    "count": _integer,
    "price": st.floats(allow_nan=False),
    "flag": st.integers(0, 1),
    "when": _integer,
}


@dataclass
class Document:
    """One document: its values by field, and what is stored beside them."""

    values: Mapping[str, Sequence[Any]]
    id: bytes = b"id"
    source: bytes = b"{}"
    routing: bytes = b""
    numbers: tuple[int, int, int, int] = field(default=(0, 1, 2, 3))  # seq_no, version, offset, ms


@st.composite
def documents(draw: st.DrawFn, max_size: int = 8) -> list[Document]:
    """Some documents with arrays, absent and empty values; possibly no field at all in common."""
    paths = draw(st.lists(st.sampled_from(sorted(_value)), unique=True))
    fields = {p: st.lists(_value[p], min_size=1, max_size=3) for p in paths}
    one = st.builds(
        Document,
        values=st.fixed_dictionaries({}, optional=fields),
        id=st.binary(max_size=12),
        source=st.binary(max_size=30),
        routing=st.sampled_from([b"", b"", b"r1"]),
        numbers=st.tuples(*[st.integers(0, 1 << 40)] * 4),
    )
    return draw(st.lists(one, max_size=max_size))


def columns_of(docs: Sequence[Document], mapping: IndexMapping = MAPPING) -> dict[str, Values]:
    """The documents' values in columns, as the JSON scanner hands them over."""
    columns: dict[str, Values] = {}
    for path in mapping.fields:
        pairs = [(row, v) for row, d in enumerate(docs) for v in d.values.get(path, ())]
        rows = np.array([row for row, _ in pairs], np.int32)
        values = [v for _, v in pairs]
        if path in NUMBERS:
            kind: Any = np.float64 if path == "price" else np.int64
            columns[path] = NumberValues(rows, np.array(values, kind))
        else:
            columns[path] = BytesValues(rows, ByteColumn.of(values))
    return columns


def segment_of(docs: Sequence[Document], *, number: int = 1) -> SegmentData:
    """The segment of these documents."""
    seq_nos, versions, offsets, timestamps = (np.array([d.numbers[i] for d in docs], np.int64) for i in range(4))
    return build_segment(
        segment_id=SegmentId(f"s{number}"),
        schema_version=1,
        documents=len(docs),
        columns=columns_of(docs),
        mapping=MAPPING,
        ids=ByteColumn.of([d.id for d in docs]),
        seq_nos=seq_nos,
        versions=versions,
        offsets=offsets,
        timestamps=timestamps,
        sources=ByteColumn.of([d.source for d in docs]),
        routing=ByteColumn.of([d.routing for d in docs]),
    )


def reader_of(docs: Sequence[Document]) -> SegmentReader:
    """A reader over the segment of these documents."""
    data = segment_of(docs)
    return SegmentReader(data.meta, data.arrays)


Inverted = dict[bytes, dict[int, list[int]]]  # term -> document -> positions


def slow_text(docs: Sequence[Document], path: str) -> tuple[Inverted, list[int]]:
    """(term -> document -> positions, tokens of each document) of a text field."""
    analyzer = build_analyzer(MAPPING.fields[path].analyzer)
    index: Inverted = {}
    lengths = []
    for row, document in enumerate(docs):
        last, length = -1, 0
        for value in document.values.get(path, ()):
            text = value.decode()
            tokens, taken = analyzer.analyze_with_end(text)
            for token in tokens:
                positions = index.setdefault(token.term.encode(), {}).setdefault(row, [])
                positions.append(last + 1 + token.position)
            length += len(tokens)
            last += taken + 100
        lengths.append(length)
    return index, lengths


def slow_keyword(docs: Sequence[Document], path: str) -> dict[bytes, list[int]]:
    """term -> documents, of a keyword field."""
    index: dict[bytes, list[int]] = {}
    for row, document in enumerate(docs):
        for value in sorted(set(document.values.get(path, ()))):
            index.setdefault(value, []).append(row)
    return index
