"""A table of _cat: aligned text or JSON; columns by ``h``, order by ``s``, names with ``v``."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import orjson

from query_api.elastic.wire.call import TEXT_TYPE, Call, Reply
from query_api.elastic.wire.names import OPTIONS
from schemas.errors import illegal_argument

PARAMETERS = OPTIONS | {"v", "h", "s", "help", "bytes", "time", "local"}
_BYTES = (("tb", 1 << 40), ("gb", 1 << 30), ("mb", 1 << 20), ("kb", 1 << 10))
_UNITS = {"b": 1, **dict(_BYTES), "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a _cat table."""

    name: str
    alias: str
    text: str
    right: bool = False
    shown: bool = True


def table(call: Call, columns: Sequence[Column], rows: Sequence[Mapping[str, Any]]) -> Reply:
    """A _cat answer: aligned text or JSON, columns by ``h``, order by ``s``, names with ``v``."""
    if call.flag("help"):
        width = max(len(c.name) for c in columns)
        lines = [f"{c.name:<{width}} | {c.alias} | {c.text} \n" for c in columns]
        return Reply(content="".join(lines).encode(), content_type=TEXT_TYPE)
    chosen = _chosen(call, columns)
    ordered = _ordered(call, columns, rows)
    form = call.text("format", "text")
    if form == "json" or "application/json" in call.headers.get("accept", ""):
        texts = [{name: _cell(call, row.get(c.name)) for name, c in chosen} for row in ordered]
        return Reply(content=orjson.dumps(texts))
    if form not in {"text", "txt"}:
        raise illegal_argument(f"format [{form}] is not supported: use [text] or [json]")
    cells = [[_cell(call, row.get(c.name)) or "" for _, c in chosen] for row in ordered]
    if call.flag("v"):
        cells.insert(0, [name for name, _ in chosen])
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)] if cells else []
    lasts = [False] * (len(chosen) - 1) + [True]
    lines = [
        " ".join(
            cell.rjust(width) if c.right else cell if last else cell.ljust(width)
            for cell, width, (_, c), last in zip(line, widths, chosen, lasts, strict=True)
        )
        for line in cells
    ]
    return Reply(content="".join(f"{line}\n" for line in lines).encode(), content_type=TEXT_TYPE)


def _chosen(call: Call, columns: Sequence[Column]) -> list[tuple[str, Column]]:
    if not call.text("h"):
        return [(c.name, c) for c in columns if c.shown]
    found: list[tuple[str, Column]] = []
    for wanted in call.text("h").split(","):
        for c in columns:
            names = [c.name, *c.alias.split(",")]
            if wanted in names:
                found.append((wanted, c))
            elif "*" in wanted and fnmatchcase(c.name, wanted.replace("[", "[[]")):
                found.append((c.name, c))
    return found


def _ordered(call: Call, columns: Sequence[Column], rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    ordered = list(rows)
    for wanted in reversed([s for s in call.text("s").split(",") if s]):
        name, _, direction = wanted.partition(":")
        column = next((c for c in columns if name in [c.name, *c.alias.split(",")]), None)
        if column is None:
            raise illegal_argument(f"Unable to sort by unknown sort key `{name}`")
        key = column.name
        present = [r for r in ordered if r.get(key) is not None]
        present.sort(key=_sort_key(key), reverse=direction == "desc")
        absent = [r for r in ordered if r.get(key) is None]
        ordered = present + absent if direction == "desc" else absent + present
    return ordered


def _sort_key(name: str) -> Callable[[Mapping[str, Any]], Any]:
    return lambda row: row[name].count if isinstance(row[name], Size) else row[name]


@dataclass(frozen=True, slots=True)
class Size:
    """Bytes: ``1.2kb``, or a plain number with ``bytes=b``."""

    count: int


def _cell(call: Call, value: Any) -> str | None:
    if not isinstance(value, Size):
        return None if value is None else str(value)
    unit = call.text("bytes").lower()
    if unit:
        if unit not in _UNITS:
            raise illegal_argument(f"failed to parse [bytes] with value [{unit}]: unknown unit")
        return str(value.count // _UNITS[unit])
    for name, size in _BYTES:
        if value.count >= size:
            return f"{value.count / size:.1f}".removesuffix(".0") + name
    return f"{value.count}b"
