"""What scrolls and points in time have in common: how long they are kept, how they end, and slices of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from query_api.elastic.wire.call import Call, Reply, duration, token_of
from query_api.elastic.wire.names import Target
from query_api.fanout.services import Services
from schemas.errors import illegal_argument, invalid
from schemas.limits import KEEP_ALIVE_MAX_S, SLICES_MAX
from schemas.query import Bool, SearchRequest, Slice


@dataclass(frozen=True, slots=True)
class Sliced:
    """The part of a search that one of several clients reads."""

    slice: Slice | None = None

    def applied(self, request: SearchRequest) -> SearchRequest:
        """The request of this part."""
        if self.slice is None:
            return request
        return replace(request, query=Bool(must=(request.query,), filter=(self.slice,)))


def parse_slice(value: Any, targets: Sequence[Target]) -> Sliced:
    """``{"id": 0, "max": 4}``. Raises ``illegal_argument``."""
    if value is None:
        return Sliced()
    if not isinstance(value, Mapping):
        raise invalid("parsing", f"[slice] must be an object, found [{token_of(value)}]")
    for name in value:
        if name not in {"id", "max", "field"}:
            raise invalid("x_content_parse", f"[slice] unknown field [{name}]")
    if value.get("field") not in {None, "_id"}:
        raise illegal_argument(f"slices are made by [_id], not by [{value['field']}]: leave [field] out")
    number, of = (_whole(value, name) for name in ("id", "max"))
    if of <= 1:
        raise illegal_argument("max must be greater than 1")
    if not 0 <= number < of:
        raise illegal_argument("id must be greater than or equal to 0, and max must be greater than id")
    limits = [t.state.setting("max_slices_per_scroll", str(SLICES_MAX)) for t in targets]
    limit = min((int(text) for text in limits if text.isdigit()), default=SLICES_MAX)
    if of > limit:
        raise illegal_argument(
            f"The number of slices [{of}] is too large. It must be less than [{limit}]. This limit can be set by changing the "
            "[index.max_slices_per_scroll] index level setting."
        )
    return Sliced(Slice(number=number, of=of))


def _whole(value: Mapping[str, Any], name: str) -> int:
    number = value.get(name)
    if isinstance(number, bool) or not isinstance(number, int):
        raise illegal_argument(f"[slice] needs a whole number [{name}], not [{number}]")
    return number


def keep_alive(name: str, text: str) -> float:
    """How long something is kept, in seconds. Raises ``illegal_argument``."""
    found = duration(name, text)
    if found <= 0:
        raise illegal_argument(f"[{name}] must be a positive duration, for example [1m], not [{text}]")
    if found > KEEP_ALIVE_MAX_S:
        raise illegal_argument(
            f"Keep alive for request ({text}) is too large. It must be less than ({KEEP_ALIVE_MAX_S // 3600}h). "
            "This limit can be set by changing the [search.max_keep_alive] cluster level setting."
        )
    return found


def identities(services: Services, call: Call, kind: str, name: str) -> list[str]:
    """The contexts that a request to close some names; ``_all``: all."""
    given = call.json_object().get(name) if call.body.strip()[:1] == b"{" else None
    if given is None:
        text = call.path.get(name) or call.text(name) or call.body.decode("utf-8", "replace").strip()
        given = text.split(",") if text and not text.startswith("{") else []
    named = [str(one) for one in (given if isinstance(given, list) else [given])]
    if not named:
        raise invalid("action_request_validation", f"Validation Failed: 1: no {name}s specified;")
    return [one.id for one in services.contexts.all(kind)] if named == ["_all"] else named


def closed(services: Services, call: Call, kind: str, name: str) -> Reply:
    """Close contexts as scrolls are closed: how many there were."""
    named = identities(services, call, kind, name)
    found = services.contexts.close(kind, named)
    return Reply({"succeeded": True, "num_freed": len(found)}, 200 if found or not named else 404)
