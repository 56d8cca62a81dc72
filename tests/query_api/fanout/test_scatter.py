"""query_api.fanout.scatter: one search over many partitions."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from query_api.fanout.scatter import AllFailedError, Scatter, Searched, needs_scores, visible_offsets
from schemas.errors import unavailable
from schemas.ids import IndexName, LogOffset
from schemas.query import SearchRequest, SortKey
from schemas.results import Document, Provenance, Statistics
from tests.query_api.fakes import FakePartition, FakeView

INDEX = IndexName("a")


def partition(number: int, count: int = 2) -> FakePartition:
    one = FakePartition(INDEX, number)
    for i in range(count):
        key = f"{number}-{i}"
        one.applied[key] = Document(key, 1, i, b'{"n":%d}' % (10 * i + number), Provenance("a", number, i, 0, 1, "s"))
    one.offset = count
    one.refresh()
    return one


def scatter(pool: ThreadPoolExecutor, seconds: float = 10.0) -> Scatter:
    return Scatter(pool, time.monotonic, time.monotonic() + seconds)


@pytest.fixture
def pool() -> Any:
    with ThreadPoolExecutor(4) as one:
        yield one


def test_the_page_is_fetched_and_nothing_else(pool: ThreadPoolExecutor) -> None:
    """Sorted over all partitions; the offsets that were searched are known."""
    parts = [partition(i) for i in range(3)]
    request = SearchRequest(sort=(SortKey("n"),), size=2, offset=1)
    answer = scatter(pool).search([Searched(INDEX, parts)], request)
    assert [s.hit.id for s in answer.hits] == ["1-0", "2-0"]
    assert (answer.total, answer.partitions, list(answer.failures)) == (6, 3, [])
    assert visible_offsets(answer) == {(INDEX, i): LogOffset(2) for i in range(3)}


def test_a_failure_leaves_the_others(pool: ThreadPoolExecutor) -> None:
    """Whichever step it happens in; all failing is an error."""
    parts = [partition(i) for i in range(2)]
    parts[0].failure = unavailable("unavailable", "away")
    answer = scatter(pool).search([Searched(INDEX, parts)], SearchRequest())
    assert ([f.partition for f in answer.failures], answer.total) == ([0], 2)
    parts[1].failure = parts[0].failure
    with pytest.raises(AllFailedError):
        scatter(pool).search([Searched(INDEX, parts)], SearchRequest())


def test_a_late_partition_is_left_out(pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer comes at the deadline and says that it is not whole."""
    parts = [partition(i) for i in range(2)]
    release = threading.Event()
    query = FakeView.query

    def slow(self: FakeView, request: SearchRequest, statistics: Statistics) -> Any:
        if self.partition == 1:
            release.wait(10)
        return query(self, request, statistics)

    monkeypatch.setattr(FakeView, "query", slow)
    answer = scatter(pool, 0.2).search([Searched(INDEX, parts)], SearchRequest())
    release.set()
    assert answer.timed_out
    assert ([f.partition for f in answer.failures], answer.total) == ([1], 2)


def test_statistics_are_of_one_index(pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Summed over its partitions, whatever else is searched; not asked where no score is shown."""
    seen: dict[str, set[int]] = {}

    def spy(self: FakeView, request: SearchRequest, statistics: Statistics) -> Any:
        seen.setdefault(self.index, set()).add(statistics.documents)
        return query(self, request, statistics)

    query = FakeView.query
    monkeypatch.setattr(FakeView, "query", spy)
    other = partition(0, 5)
    other.index = IndexName("b")
    both = [Searched(INDEX, [partition(0), partition(1)]), Searched(IndexName("b"), [other])]
    answer = scatter(pool).search(both, SearchRequest())
    assert seen == {"a": {4}, "b": {5}}
    assert {s.place for s in answer.hits} == {0, 1}
    seen.clear()
    scatter(pool).search(both, SearchRequest(size=0))
    assert seen == {"a": {0}, "b": {0}}


def test_when_scores_are_needed() -> None:
    """For ranking and where they are asked for."""
    assert needs_scores(SearchRequest())
    assert needs_scores(SearchRequest(sort=(SortKey("n"), SortKey("_score"))))
    assert needs_scores(SearchRequest(sort=(SortKey("n"),), track_scores=True))
    assert needs_scores(SearchRequest(size=0, min_score=1.0))
    assert not needs_scores(SearchRequest(sort=(SortKey("n"),)))
    assert not needs_scores(SearchRequest(size=0))


def test_a_page_that_nobody_can_fetch_is_an_error(pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where some of it can be had, the partition that failed is named."""
    parts = [partition(i) for i in range(2)]
    whole = FakeView.fetch

    def fetch(self: FakeView, *given: Any) -> Any:
        if self.partition in failing:
            raise unavailable("unavailable", "away")
        return whole(self, *given)

    monkeypatch.setattr(FakeView, "fetch", fetch)
    failing = {1}
    answer = scatter(pool).search([Searched(INDEX, parts)], SearchRequest())
    assert ([f.partition for f in answer.failures], len(answer.hits)) == ([1], 2)
    failing = {0, 1}
    with pytest.raises(AllFailedError) as found:
        scatter(pool).search([Searched(INDEX, parts)], SearchRequest())
    assert found.value.phase == "fetch"
