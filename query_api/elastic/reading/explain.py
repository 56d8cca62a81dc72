"""``_explain``: why a document matches a query, or that it does not."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from pipeline.dsl.parse import parse_search
from query_api.elastic.reading.asking import Question, ask
from query_api.elastic.reading.sort_values import explanation_shown
from query_api.elastic.reading.source import SOURCE_PARAMETERS, filter_source, wanted_source
from query_api.elastic.wire.blocks import Level, check_block
from query_api.elastic.wire.call import Call, Reply
from query_api.elastic.wire.names import one
from query_api.elastic.wire.router import Route, route
from query_api.fanout.lookup import Wanted, get_documents
from query_api.fanout.services import Services
from schemas.errors import invalid
from schemas.query import Ids, SourceFilter

_NOTHING: Final = {"value": 0.0, "description": "no matching clause", "details": []}
_URL: Final = ("q", "df", "default_operator", "analyzer", "lenient", "analyze_wildcard")


def explain(services: Services, call: Call) -> Reply:
    """Whether a document matches a query, and how its score comes about."""
    body = call.json_object()
    for name in body:
        if name != "query":
            raise invalid("parsing", f"Unknown key for a value in [{name}].")
    parameters = {name: call.parameters[name] for name in _URL if name in call.parameters}
    if body.get("query") is None and "q" not in parameters:
        raise invalid("action_request_validation", "Validation Failed: 1: query is missing;")
    target, key = one(services.indices, call.path["index"]), call.path["id"]
    check_block(target.state, Level.READ)
    request = parse_search(body or None, now_ms=services.clock_ms(), parameters=parameters)
    request = replace(
        request, post_filter=Ids(values=[key]), size=1, explain=True, track_total_hits=0, source=SourceFilter()
    )
    answer = ask(services, Question([target], request, call.parameters))
    shown: dict[str, Any] = {"_index": target.name, "_id": key}
    routing = target.routing(call.parameters.get("routing"))
    found = get_documents(
        services.topology, target.state.name, [Wanted(key, routing)], realtime=False, dead=target.dead
    )
    document = found[0]
    if document is None:
        return Reply({**shown, "matched": False}, 404)
    hit = answer.hits[0].hit if answer.hits else None
    shown["matched"] = hit is not None
    shown["explanation"] = explanation_shown(_NOTHING if hit is None else hit.explanation)
    wanted = wanted_source(call)
    if any(name in call.parameters for name in SOURCE_PARAMETERS) and wanted.enabled:
        shown["get"] = {
            "_seq_no": document.seq_no,
            "_primary_term": target.state.primary_term,
            "found": True,
            "_source": filter_source(document.source, wanted),
        }
    return Reply(shown)


_PARAMETERS: Final = SOURCE_PARAMETERS | set(_URL) | {"routing", "preference"}
ROUTES: Sequence[Route] = (route("GET POST", "/{index}/_explain/{id}", explain, _PARAMETERS),)
