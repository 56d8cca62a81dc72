"""What searches remember: within its bytes, the least recently used first; mostly what is asked again."""

import numpy as np
import pytest

from pipeline.search.cache import MASKS, PARTS, SearchBudget, SearchCache
from pipeline.search.searcher import Searcher
from schemas.aggregations import TermsAggregation
from schemas.query import Bool, Match, MatchAll, Range, SearchRequest, Term
from tests.oracle.views import build_view
from tests.pipeline.search.test_searcher import MAPPING, corpus, rows_of


def test_budget_and_order() -> None:
    """What was used last stays; what is larger than the budget is not kept."""
    cache = SearchCache(SearchBudget(3_000 * PARTS // MASKS))
    for key in ("a", "b", "a", "c", "d"):
        cache.get_mask(key, 1_000, lambda key=key: key.upper())
    assert cache.bytes["search_filters"] == 3_000
    assert [cache.get_mask(key, 1_000, lambda: "new") for key in ("a", "c", "d")] == ["A", "C", "D"]
    assert cache.get_mask("b", 1_000, lambda: "new") == "new"
    cache.get_mask("large", 4_000, lambda: "x")
    assert cache.get_mask("large", 4_000, lambda: "y") == "y"


def test_partitions_share_a_budget() -> None:
    """With three caches each keeps a third, and has it all again when the others are gone."""
    budget = SearchBudget(12_000 * PARTS // MASKS)
    caches = [SearchCache(budget)]

    def fill() -> int:
        for key in range(20):
            for one in caches:
                one.get_mask(key, 1_000, lambda: "x")
        return sum(one.bytes["search_filters"] for one in caches)

    assert fill() == 12_000
    caches += [SearchCache(budget) for _ in range(2)]
    assert fill() == 12_000
    assert {one.bytes["search_filters"] for one in caches} == {4_000}
    del caches[1:]
    assert fill() == 12_000


def test_lookups_are_told() -> None:
    """Hits and misses are counted, and told to whoever counts them for /metrics."""
    told: list[tuple[str, str]] = []
    cache = SearchCache(observe=lambda name, outcome: told.append((name, outcome)))
    for _ in range(3):
        cache.get_mask("a", 10, lambda: 1)
    assert told == [("search_filters", "miss"), ("search_filters", "hit"), ("search_filters", "hit")]
    assert cache.lookups["search_filters"].hit_share == pytest.approx(2 / 3)


def test_a_mix_of_requests_mostly_hits() -> None:
    """Requests drawn from 300 by Zipf's law, over views that change: above 80 % of answers and of filters are remembered."""
    random = np.random.default_rng(3)
    rows = rows_of(corpus(2, 2_000))
    cache = SearchCache()
    views = [build_view(MAPPING, [rows[:1_000], rows[1_000:]], frozenset(dead)) for dead in ((), (1,), (1, 2))]

    def request(number: int) -> SearchRequest:
        limits = [Range(field="n", gte=number), Term(field="tag", value=f"w{number % 4}")]
        if number % 2:
            return SearchRequest(query=Bool(must=[Match(field="body", text="w1 w2")], filter=limits))
        aggregation = TermsAggregation(field="tag")
        return SearchRequest(query=Bool(filter=limits), size=0, aggregations={"tags": aggregation}, now_ms=number)

    ranks = np.minimum(random.zipf(1.3, 6_000), 300)
    for turn, view in enumerate(views):
        searcher = Searcher(view, cache)
        for number in ranks[turn * 2_000 : (turn + 1) * 2_000].tolist():
            one = request(number)
            searcher.query(one, searcher.statistics(one))
    shares = {name: lookups.hit_share for name, lookups in cache.lookups.items()}
    assert shares["search_filters"] > 0.8, shares
    assert shares["search_answers"] > 0.8, shares


def test_an_answer_is_that_of_its_view() -> None:
    """The same request to another view, or with values that only Python takes for equal, is answered anew."""
    rows = rows_of([{"n": 1, "tag": "a"}, {"n": 2, "tag": "b"}])
    cache = SearchCache()
    count = SearchRequest(query=MatchAll(), size=0, track_total_hits=-1)
    for dead, total in (((), 2), ((0,), 1), ((0, 1), 0)):
        searcher = Searcher(build_view(MAPPING, [rows], frozenset(dead)), cache)
        for _ in range(2):
            assert searcher.query(count, searcher.statistics(count)).total == total
    searcher = Searcher(build_view(MAPPING, [rows]), cache)
    totals = []
    for value in ("1", True, 1):
        one = SearchRequest(query=Term(field="tag", value=value), size=0)
        totals.append(searcher.query(one, searcher.statistics(one)).total)
    assert totals == [0, 0, 0]
    assert cache.lookups["search_answers"].hits == 3
