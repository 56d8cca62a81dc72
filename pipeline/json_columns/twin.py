"""The same extraction from the standard library's parser, document by document: slow and obvious.

Nothing is shared with the kernels or with the code that turns leaves into columns; a property test compares the two.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import numpy as np

from pipeline.json_columns.columns import BytesValues, Extracted, NewField, NumberValues, Reject, Values
from schemas.limits import DEPTH_MAX, FIELD_DEPTH_MAX, FIELD_NAME_BYTES_MAX, KEYWORD_BYTES_MAX
from schemas.mapping import FLOAT_TYPES, INTEGER_BOUNDS, Dynamic, Field, FieldType, IndexMapping, build_field
from schemas.records import ByteColumn

PATHS_MAX, KEY_BYTES_MAX = 10_000, 50_000
KEYWORD = {"type": "keyword", "ignore_above": 256}
SPACE = re.compile(r"[ \t\n\r]*")
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
DATE_PATTERNS: Mapping[str, str] = {
    "strict_date_optional_time": r"(?P<y>-?\d{4})(-(?P<mo>\d\d)(-(?P<d>\d\d))?)?(T((?P<h>\d\d)(:(?P<mi>\d\d)(:(?P<s>\d\d)([.,](?P<f>\d{1,9}))?)?)?"
    r"(?P<z>Z|[+-]\d\d(:?\d\d)?|[+-]\d\d:\d\d:\d\d)?)?)?",
    "yyyy-MM-dd": r"(?P<y>-?\d{4})-(?P<mo>\d\d)-(?P<d>\d\d)",
    "yyyy-MM-dd HH:mm:ss": r"(?P<y>-?\d{4})-(?P<mo>\d\d)-(?P<d>\d\d) (?P<h>\d\d):(?P<mi>\d\d):(?P<s>\d\d)",
    "yyyy/MM/dd HH:mm:ss": r"(?P<y>-?\d{4})/(?P<mo>\d\d)/(?P<d>\d\d) (?P<h>\d\d):(?P<mi>\d\d):(?P<s>\d\d)",
    "yyyy/MM/dd": r"(?P<y>-?\d{4})/(?P<mo>\d\d)/(?P<d>\d\d)",
    "basic_date": r"(?P<y>-?\d{4})(?P<mo>\d\d)(?P<d>\d\d)",
}
EPOCHS = {"epoch_millis": (1, r"(-?)(\d{1,18})(\.\d{1,6})?"), "epoch_second": (1000, r"(-?)(\d{1,15})(\.\d{1,9})?")}


class Bad(Exception):  # noqa: N818  a value or document that is refused
    """Why not."""

    def __init__(self, code: str = "mapper_parsing") -> None:
        super().__init__(code)
        self.code = code


class Number(str):
    """A number as it stands in the source."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Event:
    """Something at a path: a scalar (``value``), or kind 'object' or 'empty'."""

    keys: tuple[str, ...]
    kind: str
    value: Any = None


@dataclass(slots=True)
class Row:
    """What one document yields."""

    values: list[tuple[str, Any]] = field(default_factory=list)
    problems: list[tuple[int, str]] = field(default_factory=list)  # (event, code)
    unknown: dict[str, list[tuple[int, Event]]] = field(default_factory=dict)
    new: list[tuple[int, str, Mapping[str, object]]] = field(default_factory=list)


def extract_slowly(values: ByteColumn, mapping: IndexMapping) -> Extracted:
    """What ``extract`` of a scan yields, but for reasons and positions of rejects."""
    columns: dict[str, list[tuple[int, Any]]] = {}
    rejects: list[Reject] = []
    new: dict[str, NewField] = {}
    for number in range(len(values)):
        document = values[number]
        if document is None:
            continue
        try:
            row = _row(list(events_of(parse(document))), mapping)
        except Bad as bad:
            rejects.append(Reject(number, bad.code, ""))
            continue
        if row.problems:
            rejects.append(Reject(number, min(row.problems, key=lambda one: one[0])[1], ""))
            continue
        for path, value in row.values:
            columns.setdefault(path, []).append((number, value))
        for _, path, definition in sorted(row.new, key=lambda one: one[0]):
            new.setdefault(path, NewField(number, path, definition))
    found = {path: _column(mapping.fields[path].type, pairs) for path, pairs in columns.items()}
    return Extracted(found, rejects, tuple(new.values()))


def parse(document: bytes) -> list[tuple[str, Any]]:
    """The pairs of a document; objects are lists of pairs in a tuple. Raises Bad."""

    def pairs(items: list[tuple[str, Any]]) -> tuple[str, list[tuple[str, Any]]]:
        if len({key for key, _ in items}) < len(items) or any(len(key.encode()) > KEY_BYTES_MAX for key, _ in items):
            raise Bad
        return "object", items

    def constant(name: str) -> None:
        raise Bad

    try:
        text = document.decode()
        found = json.loads(text, object_pairs_hook=pairs, parse_float=Number, parse_int=Number, parse_constant=constant)
    except (ValueError, RecursionError) as error:
        raise Bad from error
    if not isinstance(found, tuple) or _depth(found) > DEPTH_MAX:
        raise Bad
    pairs_found: list[tuple[str, Any]] = found[1]
    return pairs_found


def _depth(value: Any) -> int:
    if isinstance(value, tuple):
        return 1 + max((_depth(inner) for _, inner in value[1]), default=0)
    if isinstance(value, list):
        return 1 + max(map(_depth, value), default=0)
    return 0


def events_of(pairs: list[tuple[str, Any]]) -> Iterator[Event]:
    """All that a document says, in order. Raises Bad for lone surrogates and too many paths."""
    seen: set[tuple[str, ...]] = set()

    def walk(keys: tuple[str, ...], value: Any) -> Iterator[Event]:
        if isinstance(value, tuple):
            if keys:
                yield Event(keys, "object")
            for key, inner in value[1]:
                seen.add((*keys, _clean(key)))
                yield from walk((*keys, key), inner)
        elif isinstance(value, list):
            if not value:
                yield Event(keys, "empty")
            for inner in value:
                yield from walk(keys, inner)
        else:
            yield Event(keys, "null" if value is None else "scalar", _clean(value))

    yield from walk((), ("object", pairs))
    if len(seen) > PATHS_MAX:
        raise Bad


def _clean(value: Any) -> Any:
    """Strings without lone surrogates; raises Bad."""
    if isinstance(value, str) and any("\ud800" <= character <= "\udfff" for character in value):
        raise Bad
    return value


# ------------------------------------------------------------------ one document against the mapping


def _row(events: list[Event], mapping: IndexMapping) -> Row:
    row = Row()
    for at, event in enumerate(events):
        try:
            meaning, name = locate(mapping, event.keys)
            if meaning == "object" and event.kind == "scalar":
                row.problems.append((at, "mapper_parsing"))
            elif meaning == "field":
                _take(row, mapping, name, event)
                for target in dict.fromkeys(mapping.fields[name].copy_to):
                    _copy(row, mapping, target, at, event)
            elif meaning == "unknown" and event.kind in {"scalar", "object"}:
                row.unknown.setdefault(name, []).append((at, event))
        except Bad as bad:
            if bad.code != "strict_dynamic_mapping" or event.kind != "null":
                row.problems.append((at, bad.code))
    _shape(row, mapping)
    _infer(row, mapping)
    return row


def _take(row: Row, mapping: IndexMapping, name: str, event: Event) -> None:
    """The value for a field and its multi-fields."""
    for one in [f for f in mapping.fields.values() if f.source == name and f.type is not FieldType.OBJECT]:
        value = convert(one, event)
        if value is not None and (one.index or one.doc_values):
            row.values.append((one.path, value))


def _copy(row: Row, mapping: IndexMapping, target: str, at: int, event: Event) -> None:
    """The same value for a field that another one is copied to."""
    meaning, name = locate(mapping, (target,))
    if meaning == "field":
        _take(row, mapping, name, event)
    elif meaning == "unknown" and event.kind in {"scalar", "object"}:
        row.unknown.setdefault(name, []).append((at, event))


def _shape(row: Row, mapping: IndexMapping) -> None:
    """New objects that a dynamic template means; what lies in or below them waits until they are mapped."""
    meant = [t for t in mapping.dynamic_templates if t.kind in {"", "*", "object"}]
    for name, found in list(row.unknown.items()) if meant else ():
        parts = name.split(".")
        above = [".".join(parts[:i]) for i in range(1, len(parts))]
        above = [p for p in above if p not in mapping.fields and _template(mapping, p, "object")]
        if above:
            row.new.append((found[0][0], above[0], _template(mapping, above[0], "object") or {}))
            del row.unknown[name]
            continue
        definition = _template(mapping, name, "object")
        objects = [(at, e) for at, e in found if e.kind == "object"]
        if definition and objects:
            row.new.append((objects[0][0], name, definition))
            row.unknown[name] = [(at, e) for at, e in found if e.kind != "object"]
            if not row.unknown[name]:
                del row.unknown[name]


def _template(mapping: IndexMapping, path: str, kind: str) -> Mapping[str, object] | None:
    for one in mapping.dynamic_templates:
        if one.applies(path, kind):
            return one.definition(path, kind)
    return None


def locate(mapping: IndexMapping, keys: tuple[str, ...]) -> tuple[str, str]:
    """(field, object, unknown or ignored; dotted name) of a path; raises Bad where it may not be."""
    meaning, name, depth = "object", "", 0
    for i, key in enumerate(keys):
        if meaning not in {"object", "unknown"}:
            return "ignored", name
        try:
            for part in _parts(key):
                meaning, name, depth = _child(mapping, meaning, name, part, depth)
        except Bad:
            if i < len(keys) - 1:
                return "ignored", name  # the object itself was refused
            raise
    return meaning, name


def _parts(key: str) -> list[str]:
    parts = key.split(".")
    if not all(part.strip() for part in parts):
        raise Bad
    return parts


def _child(mapping: IndexMapping, meaning: str, parent: str, part: str, depth: int) -> tuple[str, str, int]:
    if meaning == "field":
        raise Bad
    if meaning == "ignored":
        return meaning, parent, depth
    name = f"{parent}.{part}" if parent else part
    known = mapping.fields.get(name)
    if meaning == "object" and known is not None and known.source == name:
        if known.type is not FieldType.OBJECT:
            return "field", name, depth + 1
        return ("object" if known.enabled else "ignored"), name, depth + 1
    if any(path.startswith(name + ".") and one.source == path for path, one in mapping.fields.items()):
        return "object", name, depth + 1
    dynamic = mapping.dynamic_at(name)
    if dynamic is Dynamic.FALSE or (dynamic is Dynamic.FALSE_ALLOW_TEMPLATES and not mapping.dynamic_templates):
        return "ignored", name, depth + 1
    if dynamic is Dynamic.STRICT or (dynamic is Dynamic.STRICT_ALLOW_TEMPLATES and not mapping.dynamic_templates):
        raise Bad("strict_dynamic_mapping")
    if depth > FIELD_DEPTH_MAX or len(part.encode()) > FIELD_NAME_BYTES_MAX:
        raise Bad("illegal_argument")
    return "unknown", name, depth + 1


def _infer(row: Row, mapping: IndexMapping) -> None:
    """New fields of a document, and where it contradicts them."""
    scalars = {name: found for name, found in row.unknown.items() if any(e.kind == "scalar" for _, e in found)}
    for name, found in row.unknown.items():
        first = next(((at, e) for at, e in found if e.kind == "scalar"), None)
        if first is None:
            inhabited = any(other.startswith(name + ".") for other in row.unknown)
            if name.count(".") >= FIELD_DEPTH_MAX:
                row.problems.append((found[0][0], "illegal_argument"))
            elif not inhabited:
                row.new.append((found[0][0], name, {"type": "object"}))
            continue
        definition = _meant(inferred(first[1].value, mapping), name, mapping)
        if definition is None:
            row.problems.extend(_unmeant(mapping, name, first[0]))
            continue
        row.new.append((first[0], name, definition))
        as_field = build_field(name, FieldType(str(definition["type"])), name, definition)
        if found[0][1].kind == "object":
            row.problems.append((first[0], "mapper_parsing"))
        row.problems.extend(_contradictions(as_field, found))
    for name, found in row.unknown.items():
        for above, others in scalars.items():
            if name.startswith(above + "."):
                of_above = next(at for at, e in others if e.kind == "scalar")
                row.problems.append((max(of_above, found[0][0]), "mapper_parsing"))


def _unmeant(mapping: IndexMapping, name: str, at: int) -> Iterator[tuple[int, str]]:
    if mapping.dynamic_at(name) is Dynamic.STRICT_ALLOW_TEMPLATES:
        yield at, "strict_dynamic_mapping"


def _meant(usual: Mapping[str, object], name: str, mapping: IndexMapping) -> Mapping[str, object] | None:
    """The definition of a new field after the dynamic templates; None where only they may bring fields and none does."""
    kinds = {"text": "string", "float": "double"}
    kind = kinds.get(str(usual["type"]), str(usual["type"]))
    found = _template(mapping, name, kind)
    if found is None:
        only = {Dynamic.STRICT_ALLOW_TEMPLATES, Dynamic.FALSE_ALLOW_TEMPLATES}
        return None if mapping.dynamic_at(name) in only else usual
    if found["type"] == "date" and "format" in usual:
        return {"format": usual["format"], **found}
    return found


def _contradictions(as_field: Field, found: list[tuple[int, Event]]) -> Iterator[tuple[int, str]]:
    for at, event in found:
        try:
            convert(as_field, event)
        except Bad as bad:
            yield at, bad.code


def inferred(value: Any, mapping: IndexMapping) -> Mapping[str, object]:
    """The definition that a first value gives a new field."""
    if isinstance(value, bool):
        return {"type": "boolean"}
    if isinstance(value, Number):
        return {"type": "long"} if re.fullmatch("-?[0-9]+", value) else {"type": "float"}
    if NUMBER.fullmatch(value):
        if mapping.numeric_detection:
            whole = re.fullmatch("[+-]?[0-9]+", value) and -(1 << 63) <= int(value) < 1 << 63
            return {"type": "long"} if whole else {"type": "float"}
    elif mapping.date_detection:
        for form in mapping.dynamic_dates:
            if _is_date(value, form):
                return {"type": "date"} if form == "strict_date_optional_time" else {"type": "date", "format": form}
    return {"type": "text", "fields": {"keyword": KEYWORD}}


# ------------------------------------------------------------------ one value


def convert(one: Field, event: Event) -> Any:
    """The value of a field, None where there is none; raises Bad."""
    if event.kind == "object":
        raise Bad
    value = event.value
    is_number = one.type in FLOAT_TYPES or one.type in INTEGER_BOUNDS
    if event.kind == "null" or (is_number and one.coerce and value == ""):
        value = one.null_value
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = Number(value)
    if value is None:
        return None
    by_type = {FieldType.BOOLEAN: _boolean, FieldType.DATE: _date, FieldType.IP: _address}
    try:
        if is_number:
            return _number(one, value)
        return by_type.get(one.type, _string)(one, value)
    except Bad as bad:
        if one.ignore_malformed and bad.code == "mapper_parsing":
            return None
        raise


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _string(one: Field, value: Any) -> bytes | None:
    text = _text(value)
    if one.type is FieldType.KEYWORD:
        if one.ignore_above is not None and len(text.encode("utf-16-le")) // 2 > one.ignore_above:
            return None
        if len(text.encode()) > KEYWORD_BYTES_MAX and (one.index or one.doc_values):
            raise Bad("illegal_argument")
    return text.encode()


def _boolean(one: Field, value: Any) -> int:
    if isinstance(value, Number) or _text(value) not in {"true", "false", ""}:
        raise Bad
    return int(_text(value) == "true")


def _number(one: Field, value: Any) -> int | float:
    if isinstance(value, bool) or not (isinstance(value, Number) or one.coerce):
        raise Bad
    if not NUMBER.fullmatch(value):
        raise Bad
    if one.type in FLOAT_TYPES:
        return _float(one, float(value))
    exponent = re.search("[eE](.*)", value)
    if exponent and abs(int(exponent[1])) > 10_000:
        exact = Fraction(value[: exponent.start()]) * (10**20 if int(exponent[1]) > 0 else Fraction(1, 10**10_000))
    else:
        exact = Fraction(value)
    low, high = INTEGER_BOUNDS[one.type]
    if not low <= int(exact) <= high or (not one.coerce and exact.denominator != 1):
        raise Bad
    return int(exact)


def _float(one: Field, value: float) -> float:
    if one.type is FieldType.FLOAT:
        with np.errstate(over="ignore"):
            value = float(np.float32(value))
    if not np.isfinite(value):
        raise Bad
    return value


def _address(one: Field, value: Any) -> bytes:
    text = _text(value)
    try:
        if ":" in text and "%" not in text:
            return IPv6Address(text).packed
        return bytes(10) + b"\xff\xff" + IPv4Address(text).packed
    except ValueError as error:
        raise Bad from error


def _date(one: Field, value: Any) -> int:
    for form in one.format.split("||"):
        found = _date_by(_text(value), form)
        if found is not None:
            return found
    raise Bad


def _is_date(text: str, form: str) -> bool:
    return any(_date_by(text, one) is not None for one in form.split("||"))


def _date_by(text: str, form: str) -> int | None:
    if form in EPOCHS:
        scale, pattern = EPOCHS[form]
        match = re.fullmatch(pattern, text, re.ASCII)
        return int((Fraction(match[0]) * scale).__floor__()) if match else None
    match = re.fullmatch(DATE_PATTERNS[form], text, re.ASCII)
    if not match:
        return None
    part = {"mo": "1", "d": "1"} | {name: found for name, found in match.groupdict().items() if found}
    year = int(part["y"])
    cycles = (2000 - year) // 400  # datetime knows the years 1 to 9999; the calendar repeats after 400
    try:
        moment = datetime(
            year + 400 * cycles,
            int(part["mo"]),
            int(part["d"]),
            int(part.get("h", 0)),
            int(part.get("mi", 0)),
            int(part.get("s", 0)),
            tzinfo=UTC,
        )
    except ValueError:
        return None
    offset = _offset(part.get("z", "Z"))
    if offset is None:
        return None
    since = moment - datetime(1970, 1, 1, tzinfo=UTC) - offset - timedelta(days=146_097) * cycles
    return since // timedelta(milliseconds=1) + int(part.get("f", "0").ljust(9, "0")[:3])


def _offset(zone: str) -> timedelta | None:
    if zone == "Z":
        return timedelta()
    hours, minutes, seconds = (
        int(pair or 0) for pair in (zone[1:3], zone[3:].replace(":", "")[:2], zone[3:].replace(":", "")[2:])
    )
    offset = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    if minutes > 59 or seconds > 59 or offset > timedelta(hours=18):
        return None
    return -offset if zone[0] == "-" else offset


def _column(kind: FieldType, pairs: list[tuple[int, Any]]) -> Values:
    rows = np.array([row for row, _ in pairs], np.int32)
    values = [value for _, value in pairs]
    if kind in {FieldType.TEXT, FieldType.KEYWORD, FieldType.IP}:
        return BytesValues(rows, ByteColumn.of(values))
    if kind in FLOAT_TYPES:
        return NumberValues(rows, np.array(values, np.float64))
    return NumberValues(rows, np.array(values, np.int64))
