"""Ask the partitions of some indices one question: what is searched, where, until when; measured."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from pipeline.telemetry import names
from query_api.elastic.reading.hit_fields import check_fields
from query_api.elastic.reading.own import own_request
from query_api.elastic.reading.sort_values import with_search_after
from query_api.elastic.wire.blocks import Level, check_block
from query_api.elastic.wire.names import Options, Target, resolve, searchers_of
from query_api.fanout.ports import PartitionSearcher
from query_api.fanout.scatter import AllFailedError, Answer, Scatter, Searched
from query_api.fanout.services import Services
from schemas.errors import ErrorKind
from schemas.query import SearchRequest, SourceFilter
from schemas.routing import partition_of

NAMES_TRACED = 200  # characters of the indices' names in a span
_REASONS = {ErrorKind.TIMEOUT: "timeout", ErrorKind.UNAVAILABLE: "unreachable"}


@dataclass(frozen=True, slots=True)
class Question:
    """What is searched, where, and how the answer is written."""

    targets: Sequence[Target]
    request: SearchRequest
    parameters: Mapping[str, str]


def targets_of(services: Services, expression: str, options: Options) -> list[Target]:
    """The indices that may be searched. Raises ``cluster_block`` for one that may not."""
    targets = resolve(services.indices, expression, options)
    for target in targets:
        check_block(target.state, Level.READ)
    return targets


def ready(question: Question) -> SearchRequest:
    """The request as partitions are asked. Raises INVALID for what these indices cannot be asked."""
    request = with_search_after(question.request, question.targets)
    check_fields(request, question.targets)
    if request.stored_fields:
        request = replace(request, source=SourceFilter())  # what the mapping stores is read from the source
    return request


def searched(services: Services, question: Question) -> list[Searched]:
    """The indices with those who answer for them."""
    routing = question.parameters.get("routing")
    return [Searched(t.name, asked(services, t, routing), partial(own_request, t)) for t in question.targets]


def ask(services: Services, question: Question) -> Answer:
    """Run one search over all its partitions."""
    request, indices = ready(question), searched(services, question)
    return measured(services, question, lambda scatter: scatter.search(indices, request))


def measured(services: Services, question: Question, search: Callable[[Scatter], Answer]) -> Answer:
    """Run a search within its time and its span, and count it."""
    services.contexts.sweep()
    limit_ms = services.settings.limits.search_timeout_ms
    asked_ms, parameters = question.request.timeout_ms, question.parameters
    started = services.monotonic()
    scatter = Scatter(
        services.pools.partitions,
        services.monotonic,
        started + (limit_ms if asked_ms is None else min(limit_ms, asked_ms)) / 1000,
        typed_keys=parameters.get("typed_keys", "false") != "false",
        metrics=services.metrics,
        tracer=services.tracer,
    )
    indices = [t.name for t in question.targets]
    outcome = "failed"
    try:
        with services.tracer.span(names.SPAN_SEARCH, index=",".join(indices)[:NAMES_TRACED]) as span:
            answer = search(scatter)
            span.set_attribute("partitions", answer.partitions)
        outcome = "timed_out" if answer.timed_out else "partial" if answer.failures else "whole"
    finally:
        _measure(services, indices, scatter, outcome, started)
    if answer.failures and parameters.get("allow_partial_search_results") == "false":
        raise AllFailedError(answer.failures, "query")
    return answer


def _measure(services: Services, indices: Sequence[str], scatter: Scatter, outcome: str, started: float) -> None:
    metrics = services.metrics
    for index in indices:
        metrics.add(names.SEARCH_REQUESTS, index=index, outcome=outcome)
        metrics.observe(names.SEARCH_SECONDS, services.monotonic() - started, index=index)
    for failure in scatter.failures:
        reason = _REASONS.get(failure.error.kind, "error")
        metrics.add(names.PARTITION_FAILURES, index=failure.index, reason=reason)


def asked(services: Services, target: Target, given: str | None) -> Sequence[PartitionSearcher]:
    """The partitions that a search with such a routing asks."""
    searchers, routing = searchers_of(services.topology, target), target.routing(given)
    if routing is None or (not routing and not target.via) or target.dead or not searchers:
        return searchers
    wanted = {partition_of(one.encode("utf-8", "replace"), len(searchers)) for one in routing.split(",")}
    return [s for i, s in enumerate(searchers) if i in wanted]
