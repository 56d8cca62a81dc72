"""Sort keys: modes over arrays, missing values, ids, pages of them."""

import json
from dataclasses import replace

import pytest

from pipeline.search.searcher import Searcher
from schemas.errors import SedimentError
from schemas.mapping import parse_mapping
from schemas.query import Bool, Exists, MatchAll, SearchRequest, SortKey, Term
from tests.oracle.views import build_view

MAPPING = parse_mapping({
    "properties": {
        "n": {"type": "long"}, "x": {"type": "double"}, "tag": {"type": "keyword"}, "day": {"type": "date"}, "ip": {"type": "ip"},
    }
})  # fmt: skip
DOCUMENTS = [
    {"n": [1, 8], "x": [0.5, 2.5], "tag": ["b", "z"], "day": "2020-01-01", "ip": "10.0.0.2"},
    {"n": 3, "x": -1.0, "tag": "c", "day": "2021-01-01", "ip": "9.0.0.1"},
    {},
    {"n": [2, 2, 6], "x": [1.0], "tag": ["a"], "day": "2019-01-01", "ip": "::1"},
]


@pytest.fixture(scope="module")
def searcher() -> Searcher:
    rows = [(i, f"id{i}", json.dumps(d).encode()) for i, d in enumerate(DOCUMENTS)]
    return Searcher(build_view(MAPPING, [rows[:2], rows[2:3], rows[3:]]))


def order(searcher: Searcher, *keys: SortKey, after: list | None = None) -> tuple[list[int], list]:
    request = SearchRequest(sort=keys, search_after=after)
    hits = searcher.query(request, searcher.statistics(request)).hits
    return [h.offset for h in hits], [h.sort[0] for h in hits]


@pytest.mark.parametrize(
    ("key", "offsets", "values"),
    [
        (SortKey("n"), [0, 3, 1, 2], [1, 2, 3, None]),
        (SortKey("n", descending=True), [0, 3, 1, 2], [8, 6, 3, None]),
        (SortKey("n", mode="sum"), [1, 0, 3, 2], [3, 9, 10, None]),
        (SortKey("n", mode="avg"), [1, 3, 0, 2], [3, 3, 5, None]),
        (SortKey("n", mode="median"), [3, 1, 0, 2], [2, 3, 5, None]),
        (SortKey("n", missing=4), [0, 3, 1, 2], [1, 2, 3, 4]),
        (SortKey("n", missing="_first"), [2, 0, 3, 1], [None, 1, 2, 3]),
        (SortKey("n", descending=True, missing="_first"), [2, 0, 3, 1], [None, 8, 6, 3]),
        (SortKey("x", mode="avg"), [1, 3, 0, 2], [-1.0, 1.0, 1.5, None]),
        (SortKey("tag"), [3, 0, 1, 2], [b"a", b"b", b"c", None]),
        (SortKey("tag", descending=True), [0, 1, 3, 2], [b"z", b"c", b"a", None]),
        (SortKey("tag", missing="bb"), [3, 0, 2, 1], [b"a", b"b", b"bb", b"c"]),
        (SortKey("tag", descending=True, missing="bb"), [0, 1, 2, 3], [b"z", b"c", b"bb", b"a"]),
        (SortKey("_id", descending=True), [3, 2, 1, 0], [b"id3", b"id2", b"id1", b"id0"]),
        (SortKey("_doc"), [0, 1, 2, 3], [0, 1, 2, 3]),
    ],
)  # fmt: skip
def test_keys(searcher: Searcher, key: SortKey, offsets: list, values: list) -> None:
    """Order and raw values, in one layout as in any."""
    found = order(searcher, key)
    assert found == (offsets, values)


def test_dates_and_addresses_page(searcher: Searcher) -> None:
    """search_after takes what a hit shows and what a user writes."""
    assert order(searcher, SortKey("day"))[0] == [3, 0, 1, 2]
    assert order(searcher, SortKey("day"), after=["2019-06-01"])[0] == [0, 1, 2]
    assert order(searcher, SortKey("day"), after=[1577836800000])[0] == [1, 2]
    assert order(searcher, SortKey("ip"))[0] == [3, 1, 0, 2]
    assert order(searcher, SortKey("ip"), after=["9.0.0.1"])[0] == [0, 2]
    assert order(searcher, SortKey("tag"), after=["bb"])[0] == [1, 2]
    assert order(searcher, SortKey("_id"), after=["id1"])[0] == [2, 3]
    assert order(searcher, SortKey("tag"), after=[None])[0] == []


def test_scores_page(searcher: Searcher) -> None:
    """Pages of the natural order; track_scores shows the best score of all matches, not of the page."""
    query = Bool(should=[MatchAll(), Term(field="tag", value="c", boost=3), Exists(field="n")])
    whole = SearchRequest(query=query, sort=[SortKey("_score", descending=True), SortKey("_doc")])
    hits = searcher.query(whole, searcher.statistics(whole)).hits
    assert [h.offset for h in hits] == [1, 0, 3, 2]
    after = replace(whole, search_after=hits[1].sort)
    assert [h.offset for h in searcher.query(after, searcher.statistics(after)).hits] == [3, 2]
    only = replace(whole, sort=whole.sort[:1], search_after=hits[0].sort[:1])
    assert [h.offset for h in searcher.query(only, searcher.statistics(only)).hits] == [0, 3, 2]
    page = replace(whole, sort=[SortKey("n")], size=1, track_scores=True)
    assert searcher.query(page, searcher.statistics(page)).max_score == hits[0].score


def test_errors(searcher: Searcher) -> None:
    """The number of values of search_after, and modes, are checked."""
    with pytest.raises(SedimentError, match=r"search_after has 2 value\(s\) but sort has 1"):
        order(searcher, SortKey("n"), after=[1, 2])
    with pytest.raises(SedimentError, match="AVG, MEDIAN and SUM"):
        order(searcher, SortKey("tag", mode="avg"))
