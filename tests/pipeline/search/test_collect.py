"""Sorted pages of a partition against sorting all its documents."""

import json
from collections.abc import Callable, Sequence
from functools import cmp_to_key
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.search.searcher import Searcher
from schemas.mapping import parse_mapping
from schemas.query import MatchAll, Node, Range, SearchRequest, SortKey, Term
from tests.oracle.views import build_view

MAPPING = parse_mapping({"properties": {"n": {"type": "long"}, "x": {"type": "double"}, "tag": {"type": "keyword"}}})
Document = dict[str, Any]
DOCUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "n": st.integers(-2, 2) | st.lists(st.integers(-2, 2), min_size=2, max_size=2),
        "x": st.sampled_from([-1.5, 0.0, 2.25]),
        "tag": st.sampled_from(["a", "b", "c"]),
    },
)
KEYS = st.builds(
    SortKey,
    st.sampled_from(["n", "x", "tag", "_doc"]),
    descending=st.booleans(),
    missing=st.sampled_from(["_first", "_last"]),
)
QUERIES: dict[str, tuple[Node, Callable[[Document], bool]]] = {
    "all": (MatchAll(), lambda d: True),
    "term": (Term(field="tag", value="a"), lambda d: d.get("tag") == "a"),
    "range": (Range(field="x", gte=0), lambda d: d.get("x", -1) >= 0),
}


def value_of(document: Document, offset: int, key: SortKey) -> Any:
    """What a document is sorted by; None where it has no value."""
    if key.field == "_doc":
        return offset
    values = document.get(key.field)
    if isinstance(values, list):
        return max(values) if key.descending else min(values)
    return values


def compare(keys: Sequence[SortKey], a: Sequence[Any], b: Sequence[Any]) -> int:
    """Below 0 where a comes first; the last of each is the offset."""
    for key, left, right in zip(keys, a, b, strict=False):
        if left == right:
            continue
        if left is None or right is None:
            return 1 if (left is None) == (key.missing == "_last") else -1
        return -1 if (left < right) != key.descending else 1
    return int(a[-1] - b[-1]) if len(a) > len(keys) and len(b) > len(keys) else 0


def expected(
    documents: Sequence[Document], keys: Sequence[SortKey], after: Any, dead: set[int], matches: Any
) -> list[int]:
    rows: list[Sequence[Any]] = [
        (*(value_of(d, i, key) for key in keys), i) for i, d in enumerate(documents) if matches(d) and i not in dead
    ]
    rows = [row for row in rows if after is None or compare(keys, row, after) > 0]

    def order(a: Sequence[Any], b: Sequence[Any]) -> int:
        return compare(keys, a, b)

    return [row[-1] for row in sorted(rows, key=cmp_to_key(order))]


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(
    st.lists(DOCUMENTS, min_size=1, max_size=14),
    st.lists(KEYS, min_size=1, max_size=2, unique_by=lambda k: k.field),
    st.sampled_from(sorted(QUERIES)),
    st.integers(1, 4),
    st.data(),
)
def test_pages_are_those_of_sorting_everything(
    documents: list[Document], keys: list[SortKey], kind: str, size: int, data: st.DataObject
) -> None:
    """Any keys over any documents, some dead, in segments whose rows may interleave; a page after any row."""
    rows = [(i, f"id{i}", json.dumps(d).encode()) for i, d in enumerate(documents)]
    dead = data.draw(st.sets(st.integers(0, len(rows) - 1), max_size=3))
    cut = data.draw(st.integers(0, len(rows)))
    interleaved: bool = data.draw(st.booleans())
    segments = [rows[::2], rows[1::2]] if interleaved else [rows[:cut], rows[cut:]]
    turned: bool = data.draw(st.booleans())
    if turned:
        segments = [part[::-1] for part in segments]
    searcher = Searcher(build_view(MAPPING, [part for part in segments if part], frozenset(dead)))
    query, matches = QUERIES[kind]
    everything = expected(documents, keys, None, dead, matches)
    after = None
    paged: bool = data.draw(st.booleans())
    if everything and paged:
        row = data.draw(st.sampled_from(everything))
        after = [value_of(documents[row], row, key) for key in keys]
    request = SearchRequest(query=query, sort=tuple(keys), size=size, search_after=after)
    hits = searcher.query(request, searcher.statistics(request)).hits
    assert [hit.offset for hit in hits] == expected(documents, keys, after, dead, matches)[:size]


@pytest.mark.parametrize("descending", [True, False])
def test_zones_are_passed_over_and_nothing_is_missed(descending: bool) -> None:
    """Some thousands of rows, sorted, shuffled and constant ones: the same best rows as by looking at all."""
    count = 5_000
    columns: dict[str, list[Any]] = {
        "n": [(i * 7919) % 4001 for i in range(count)],
        "x": [i / 8 for i in range(count)],
        "tag": ["a"] * count,
    }
    documents = [{name: values[i] for name, values in columns.items()} for i in range(count)]
    rows = [(i, str(i), json.dumps(d).encode()) for i, d in enumerate(documents)]
    searcher = Searcher(build_view(MAPPING, [rows], frozenset(range(0, count, 3))))
    for keys in (
        [SortKey("n", descending=descending)],
        [SortKey("x", descending=descending)],
        [SortKey("tag"), SortKey("n")],
    ):
        for kind in ("all", "range"):
            query, matches = QUERIES[kind]
            request = SearchRequest(query=query, sort=tuple(keys), size=25)
            hits = searcher.query(request, searcher.statistics(request)).hits
            wanted = expected(documents, keys, None, set(range(0, count, 3)), matches)
            assert [hit.offset for hit in hits] == wanted[:25]
