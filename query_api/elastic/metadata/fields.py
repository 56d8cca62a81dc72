"""``_field_caps``: what can be done with the fields of several indices."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pipeline.catalog.state import IndexState
from pipeline.dsl.parse import parse_count
from query_api.elastic.reading.asking import Question, ask, targets_of
from query_api.elastic.wire.call import Call, Reply
from query_api.elastic.wire.names import OPTIONS, SEARCHED, Target, options_of
from query_api.elastic.wire.router import Route, route
from query_api.fanout.services import Services
from schemas.errors import illegal_argument, invalid
from schemas.fields.wildcards import fits_any
from schemas.mapping import FieldType

UNMAPPED: Final = "unmapped"
# what every document has: (type and name, searchable, aggregatable)
_EVERY: Final = (
    ("_id", True, True),
    ("_index", True, True),
    ("_routing", True, False),
    ("_seq_no", True, True),
    ("_source", False, False),
    ("_version", False, True),
)


@dataclass(slots=True)
class _Seen:
    """One type of one field, over the indices that have it."""

    indices: list[str] = field(default_factory=list)
    not_searchable: list[str] = field(default_factory=list)
    not_aggregatable: list[str] = field(default_factory=list)
    meta: dict[str, set[str]] = field(default_factory=dict)

    def add(self, index: str, *, searchable: bool, aggregatable: bool, meta: Mapping[str, Any]) -> None:
        """One more index."""
        self.indices.append(index)
        if not searchable:
            self.not_searchable.append(index)
        if not aggregatable:
            self.not_aggregatable.append(index)
        for name, value in meta.items():
            self.meta.setdefault(name, set()).add(str(value))

    def shown(self, kind: str, *, alone: bool) -> dict[str, Any]:
        """As the answer has it; names of indices only where they differ."""
        body: dict[str, Any] = {
            "type": kind,
            "searchable": not self.not_searchable,
            "aggregatable": not self.not_aggregatable,
        }
        if not alone:
            body["indices"] = self.indices
        parts = {
            "non_searchable_indices": self.not_searchable,
            "non_aggregatable_indices": self.not_aggregatable,
        }
        body |= {name: some for name, some in parts.items() if some and len(some) < len(self.indices)}
        if self.meta:
            body["meta"] = {name: sorted(values) for name, values in self.meta.items()}
        return body


def field_caps(services: Services, call: Call) -> Reply:
    """Which types fields have, and whether they can be searched and aggregated."""
    body = call.json_object()
    for name in body:
        if name not in {"index_filter", "fields"}:
            raise invalid("x_content_parse", f"[field_caps_request] unknown field [{name}]")
    patterns = [p for p in call.text("fields").split(",") if p] or [str(p) for p in body.get("fields") or ()]
    if not patterns:
        raise illegal_argument("specified fields can't be null or empty")
    targets = [
        t for t in targets_of(services, call.path.get("index", "_all"), options_of(call, SEARCHED)) if not t.dead
    ]
    condition = body.get("index_filter")
    if condition is not None:
        targets = [t for t in targets if _any(services, t, condition)]
    names = sorted(t.name for t in targets)
    found: dict[str, dict[str, _Seen]] = {}
    for target in sorted(targets, key=lambda t: t.name):
        for path, kind, searchable, aggregatable, meta in _fields(target.state):
            if fits_any(patterns, path):
                one = found.setdefault(path, {}).setdefault(kind, _Seen())
                one.add(target.name, searchable=searchable, aggregatable=aggregatable, meta=meta)
    if call.flag("include_unmapped"):
        _add_unmapped(found, names)
    fields = {
        path: {kind: one.shown(kind, alone=len(kinds) == 1) for kind, one in kinds.items()}
        for path, kinds in found.items()
    }
    return Reply({"indices": names, "fields": fields})


def _any(services: Services, target: Target, condition: Any) -> bool:
    request = parse_count({"query": condition}, now_ms=services.clock_ms())
    return ask(services, Question([target], request, {})).total > 0


def _fields(state: IndexState) -> Iterator[tuple[str, str, bool, bool, Mapping[str, Any]]]:
    """(path, type, searchable, aggregatable, meta) of every field, objects included."""
    for name, searchable, aggregatable in _EVERY:
        yield name, name, searchable, aggregatable, {}
    for path, one in state.mapping.fields.items():
        if one.type is FieldType.OBJECT:
            yield path, one.type.value, False, False, {}
        else:
            aggregatable = one.doc_values and one.type is not FieldType.TEXT
            yield path, one.type.value, one.index, aggregatable, one.parameters.get("meta") or {}


def _add_unmapped(found: Mapping[str, dict[str, _Seen]], names: Sequence[str]) -> None:
    for kinds in found.values():
        known = {index for one in kinds.values() for index in one.indices}
        absent = [name for name in names if name not in known]
        if absent:
            one = kinds[UNMAPPED] = _Seen()
            for name in absent:
                one.add(name, searchable=False, aggregatable=False, meta={})


_CAPS: Final = OPTIONS | {"fields", "include_unmapped"}
ROUTES: Sequence[Route] = (
    route("GET POST", "/_field_caps", field_caps, _CAPS),
    route("GET POST", "/{index}/_field_caps", field_caps, _CAPS),
)
