"""What a search found to Elasticsearch's JSON."""

from collections.abc import Mapping, Sequence
from typing import Any

from query_api.elastic.reading import sort_values
from query_api.elastic.reading.hit_fields import NOTHING, fields_shown
from query_api.elastic.reading.source import filter_source, provenance
from query_api.elastic.wire import errors
from query_api.elastic.wire.names import Target
from query_api.fanout.scatter import Answer, Failure, Shown
from schemas.query import SearchRequest


def shards(answer: Answer) -> dict[str, Any]:
    """``_shards``, with what failed and why."""
    failed = {(f.index, f.partition) for f in answer.failures}
    counts: dict[str, Any] = {
        "total": answer.partitions,
        "successful": answer.partitions - len(failed),
        "skipped": 0,
        "failed": len(failed),
    }
    if failed:
        counts["failures"] = [errors.shard_failure(f.index, f.partition, f.error) for f in _distinct(answer.failures)]
    return counts


def _distinct(failures: Sequence[Failure]) -> list[Failure]:
    return list({(f.index, f.partition): f for f in reversed(failures)}.values())


def total(answer: Answer, limit: int) -> dict[str, Any]:
    """``hits.total``: exact up to ``track_total_hits``, beyond it a lower bound."""
    if limit >= 0 and answer.total > limit:
        return {"value": limit, "relation": "gte"}
    return {"value": answer.total, "relation": "eq" if answer.total_exact else "gte"}


def search_answer(
    answer: Answer,
    request: SearchRequest,
    targets: Sequence[Target],
    *,
    took: int,
    parameters: Mapping[str, str],
) -> dict[str, Any]:
    """The body of an answer to _search."""
    body: dict[str, Any] = {"took": took, "timed_out": answer.timed_out}
    if request.terminate_after:
        body["terminated_early"] = answer.terminated_early
    body["_shards"] = shards(answer)
    hits: dict[str, Any] = {}
    if request.track_total_hits != 0:
        counted = total(answer, request.track_total_hits)
        plain = parameters.get("rest_total_hits_as_int", "false") != "false"
        hits["total"] = counted["value"] if plain else counted
    elif parameters.get("rest_total_hits_as_int", "false") != "false":
        hits["total"] = -1
    hits["max_score"] = sort_values.score_shown(answer.max_score)
    hits["hits"] = [_hit(one, request, targets[one.place]) for one in answer.hits]
    body["hits"] = hits
    for inner in answer.inner:
        inner.target.extend(_hit(one, inner.request, targets[one.place]) for one in inner.hits)
    if answer.aggregations:
        body["aggregations"] = answer.aggregations
    return body


def _hit(one: Shown, request: SearchRequest, target: Target) -> dict[str, Any]:
    hit = one.hit
    shown: dict[str, Any] = {"_index": target.name}
    if NOTHING not in (request.stored_fields or ()):
        shown["_id"] = hit.id
    if request.version:
        shown["_version"] = hit.version
    if request.seq_no_primary_term:
        shown |= {"_seq_no": hit.seq_no, "_primary_term": target.state.primary_term}
    shown["_score"] = sort_values.score_shown(one.row.score)
    if hit.routing is not None:
        shown["_routing"] = hit.routing
    if hit.source is not None and request.source.enabled:
        shown["_source"] = filter_source(hit.source, request.source)
    return shown | _extras(one, request, target)


def _extras(one: Shown, request: SearchRequest, target: Target) -> dict[str, Any]:
    """What a hit shows only where it was asked for."""
    hit = one.hit
    shown: dict[str, Any] = {}
    fields = fields_shown(hit, request, target)
    if fields:
        shown["fields"] = fields
    if hit.highlight:
        shown["highlight"] = hit.highlight
    if request.sort:
        shown["sort"] = _sort_values(one, request, target)
    if hit.matched:
        shown["matched_queries"] = hit.matched
    if hit.explanation is not None:
        shown["_explanation"] = sort_values.explanation_shown(hit.explanation)
    if hit.provenance is not None and request.provenance:
        shown["_sediment"] = provenance(hit.provenance)
    return shown


def _sort_values(one: Shown, request: SearchRequest, target: Target) -> list[Any]:
    return [
        sort_values.shown(value, key, sort_values.type_of(key, target))
        for key, value in zip(request.sort, one.row.sort, strict=False)
    ]
