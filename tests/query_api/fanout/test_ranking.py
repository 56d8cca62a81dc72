"""query_api.fanout.ranking: one order over several partitions' hits."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from query_api.fanout.ranking import merge_hits
from schemas.ids import IndexName, PartitionId
from schemas.query import SearchRequest, SortKey
from schemas.results import QueryResult, RowHit


def result(partition: int, hits: list[RowHit]) -> QueryResult:
    return QueryResult(IndexName("a"), PartitionId(partition), len(hits), True, None, hits)


def rank(value: int | None, *, descending: bool, first: bool) -> tuple[int, int]:
    """The obvious twin: a key for Python's sort."""
    if value is None:
        return (-1, 0) if first else (1, 0)
    return (0, -value if descending else value)


@given(
    st.lists(st.lists(st.none() | st.integers(-3, 3), max_size=6), max_size=4),
    st.booleans(),
    st.booleans(),
    st.integers(0, 5),
    st.integers(0, 8),
)
def test_merged_pages_are_pages_of_the_whole(
    groups: list[list[int | None]], descending: bool, first: bool, offset: int, size: int
) -> None:
    """Sorting everything at once gives the same page; ties keep (result, offset)."""
    key = SortKey("n", descending=descending, missing="_first" if first else "_last")

    def order(entry: tuple[int, int, int | None]) -> Any:
        return (*rank(entry[2], descending=descending, first=first), entry[0], entry[1])

    results = []
    whole: list[tuple[int, int, int | None]] = []
    for p, values in enumerate(groups):
        rows = sorted(((p, i, v) for i, v in enumerate(values)), key=order)
        whole += rows
        results.append(result(p, [RowHit(0, i, None, (v,), i) for _, i, v in rows]))
    merged = merge_hits(results, SearchRequest(sort=(key,), offset=offset, size=size))
    expected = sorted(whole, key=order)[offset : offset + size]
    assert [(m.result, m.hit.offset) for m in merged.hits] == [(p, i) for p, i, _ in expected]
    assert merged.total == len(whole)


def test_scores_descend() -> None:
    """Without a sort the best score comes first, over all partitions."""
    results = [result(p, [RowHit(0, 0, s, (), 0) for s in scores]) for p, scores in enumerate([[3.0, 1.0], [2.0]])]
    assert [m.hit.score for m in merge_hits(results, SearchRequest()).hits] == [3.0, 2.0, 1.0]
