"""``_bulk``: many writes to several indices in one request."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import compress
from typing import Any

import orjson

from pipeline.ingest.ports import Op, Outcomes, Result, WriteOptions
from query_api.elastic.wire import errors
from query_api.elastic.wire.call import Call, Reply
from query_api.elastic.wire.router import Body, Route, Where, route
from query_api.elastic.writing.actions import Actions, Defaults, not_an_alias, parse_bulk
from query_api.elastic.writing.documents import check_update_body, shown_source
from query_api.elastic.writing.writes import (
    PARAMETERS,
    Destination,
    ItemFrame,
    WriteCall,
    columns,
    destination,
    item_error,
    items,
    offsets_header,
    refresh_partitions,
    touched,
    write,
    write_call,
)
from query_api.fanout.services import Services
from schemas.errors import SedimentError


@dataclass(slots=True)
class _Work:
    """A request half done: one JSON text per action, and what was written where."""

    actions: Actions
    texts: list[str]
    failed: bool = False
    written: list[tuple[str, Outcomes]] = field(default_factory=list)

    def refuse(self, row: int, error: SedimentError) -> None:
        """This action goes no further."""
        key = self.actions.ids[row]
        shown = None if key is None else key.decode("utf-8", "replace")
        self.texts[row] = item_error(self.actions.ops[row], self.actions.indices[row], shown, error)
        self.failed = True


def bulk(services: Services, call: Call) -> Reply:
    """Index, create, update and delete documents; one answer per action."""
    started = services.monotonic()
    how = write_call(services, call)
    defaults = Defaults(
        index=call.path.get("index", ""),
        routing=call.parameters.get("routing"),
        pipeline=call.text("pipeline"),
        require_alias=call.flag("require_alias"),
    )
    actions = parse_bulk(call.body, defaults)
    work = _Work(actions, [""] * len(actions))
    _refuse_updates(actions)
    for row in actions.aliased - actions.refused.keys():
        if actions.indices[row] not in services.indices.state().aliases:
            actions.refused[row] = not_an_alias(actions.indices[row])
    for row, error in actions.refused.items():
        work.refuse(row, error)
    groups = _groups(actions)
    for name, rows in groups:
        _write_group(services, how, work, name, rows, alone=len(groups) == 1)
    took = int((services.monotonic() - started) * 1000)
    flag = "true" if work.failed else "false"
    text = f'{{"took":{took},"errors":{flag},"items":[{",".join(work.texts)}]}}'
    return Reply(content=text.encode(), headers=offsets_header(work.written))


def _refuse_updates(actions: Actions) -> None:
    """Update bodies are small and few: each is checked before anything is written."""
    if int(Op.UPDATE) not in actions.ops:
        return
    for row, op in enumerate(actions.ops):
        if op == Op.UPDATE and row not in actions.refused:
            try:
                check_update_body(actions.sources[row] or b"")
            except SedimentError as error:
                actions.refused[row] = error


def _groups(actions: Actions) -> list[tuple[str, Sequence[int]]]:
    """(index, rows that are not refused) in order of first mention."""
    count = len(actions)
    if not actions.refused and actions.indices.count(actions.indices[0]) == count:
        return [(actions.indices[0], range(count))]
    groups: dict[str, list[int]] = {}
    for row, name in enumerate(actions.indices):
        if row not in actions.refused:
            groups.setdefault(name, []).append(row)
    return list(groups.items())


def _write_group(
    services: Services,
    how: WriteCall,
    work: _Work,
    name: str,
    rows: Sequence[int],
    *,
    alone: bool,
) -> None:
    try:
        ops = set(work.actions.ops) if alone else {work.actions.ops[r] for r in rows}
        to = destination(services, name, create=ops != {int(Op.DELETE)})
        state = to.state
        if to.routing is not None or state.mapping.routing_required:
            rows = _routed(work, to, rows)
            if not rows:
                return
        writes = columns(work.actions, rows)
        outcomes = write(services, how, state, writes)
    except SedimentError as error:
        if alone and errors.status_of(error) in {429, 503}:
            raise  # nothing was written: the client may send the same request again
        for row in rows:
            work.refuse(row, error)
        return
    work.written.append((state.name, outcomes))
    if how.refresh and how.wait:
        refresh_partitions(services, state, touched(outcomes))
    texts = items(ItemFrame(state, how.refresh == "true"), writes.ops.tolist(), outcomes)
    if len(rows) == len(work.texts):
        work.texts = texts
    else:
        for row, text in zip(rows, texts, strict=True):
            work.texts[row] = text
    refused = outcomes.results >= int(Result.CONFLICT)
    work.failed = work.failed or bool(refused.any())
    if work.actions.show_source:
        done = compress(rows, (~refused & (outcomes.results != int(Result.PENDING))).tolist())
        _show_sources(services, work, name, list(done))


def _routed(work: _Work, to: Destination, rows: Sequence[int]) -> Sequence[int]:
    """Give the rows an alias's routing; those that ask for another one are refused, the others returned."""
    kept = []
    for row in rows:
        options = work.actions.options.get(row, WriteOptions())
        key = (work.actions.ids[row] or b"").decode("utf-8", "replace")
        try:
            work.actions.options[row] = replace(options, routing=to.routed(options.routing, key))
        except SedimentError as error:
            work.refuse(row, error)
        else:
            kept.append(row)
    return kept


def _show_sources(services: Services, work: _Work, name: str, rows: list[int]) -> None:
    state = destination(services, name, create=False).state
    for row in rows:
        wanted = work.actions.show_source.get(row)
        if not wanted:
            continue
        item: dict[str, Any] = orjson.loads(work.texts[row])
        options = work.actions.options.get(row)
        key = (work.actions.ids[row] or b"").decode("utf-8", "replace")
        routing = options.routing if options else None
        item["update"]["get"] = shown_source(services, state, key, routing, wanted)
        work.texts[row] = orjson.dumps(item).decode()


_PARAMETERS = PARAMETERS | {"batch_size", "type"}
ROUTES: Sequence[Route] = (
    route("POST PUT", "/_bulk", bulk, _PARAMETERS, where=Where.BULK, body=Body.LINES),
    route("POST PUT", "/{index}/_bulk", bulk, _PARAMETERS, where=Where.BULK, body=Body.LINES),
)
