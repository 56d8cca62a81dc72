"""The best hits of several partitions in one order. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cmp_to_key
from typing import Any

from msgspec import Struct

from schemas.query import SearchRequest
from schemas.results import QueryResult, RowHit


class Placed(Struct, frozen=True):
    """A hit and which result it came from."""

    result: int
    hit: RowHit


@dataclass(frozen=True, slots=True)
class Merged:
    """The page of a search and its counts."""

    hits: Sequence[Placed]
    total: int
    total_exact: bool
    max_score: float | None


def merge_hits(results: Sequence[QueryResult], request: SearchRequest) -> Merged:
    """The page [offset, offset + size) over all results, each of which is in order; ties by (result, record offset)."""
    placed = [Placed(i, hit) for i, result in enumerate(results) for hit in result.hits]
    if len(results) > 1:
        placed.sort(key=cmp_to_key(lambda a, b: _compare(a, b, request)))
    scores = [r.max_score for r in results if r.max_score is not None]
    return Merged(
        hits=placed[request.offset : request.offset + request.size],
        total=sum(r.total for r in results),
        total_exact=all(r.total_exact for r in results),
        max_score=max(scores, default=None),
    )


def _compare(a: Placed, b: Placed, request: SearchRequest) -> int:
    if not request.sort:
        by_score = _order(b.hit.score or 0.0, a.hit.score or 0.0)
        if by_score:
            return by_score
    for key, x, y in zip(request.sort, a.hit.sort, b.hit.sort, strict=False):
        if x is None or y is None:
            first = -1 if key.missing == "_first" else 1
            found = 0 if x is y else (first if x is None else -first)
        else:
            found = _order(y, x) if key.descending else _order(x, y)
        if found:
            return found
    return _order((a.result, a.hit.offset), (b.result, b.hit.offset))


def _order(x: Any, y: Any) -> int:
    return int(x > y) - int(x < y)
