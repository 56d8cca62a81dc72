"""What one index of a search is asked: the part that its alias leaves, with what its settings and ``indices_boost`` say. Pure."""

from dataclasses import replace

from pipeline.catalog.state import IndexState
from pipeline.dsl.defaults import default_fields, with_default_fields
from query_api.elastic.wire.names import Target
from query_api.fanout.scatter import narrowed
from schemas.fields.wildcards import fits_any
from schemas.query import Bool, SearchRequest


def own_request(target: Target, request: SearchRequest) -> SearchRequest:
    """The request as this index is asked; the same object where nothing is special about it, so that its plans stay prepared."""
    own = narrowed(request, target.filter())
    if target.dead:
        return own
    names = default_fields(target.state.setting("query.default_field", ""))
    if names:
        own = with_default_fields(own, names)
    limit = target.state.setting("highlight.max_analyzed_offset", "")
    if own.highlight and limit.isdigit():
        own = replace(own, highlight=[replace(one, analyzed_characters_max=int(limit)) for one in own.highlight])
    boost = _boost(target.state, request)
    return own if boost == 1.0 else replace(own, query=Bool(must=(own.query,), boost=boost))


def _boost(state: IndexState, request: SearchRequest) -> float:
    names = (state.name, *state.aliases)
    return next((boost for name, boost in request.indices_boost if any(fits_any([name], one) for one in names)), 1.0)
