"""The body of _bulk to columns: action lines are read, sources untouched. Pure.

Three speeds. A body of nothing but ``{"index":{"_index":"…","_id":"…"}}`` (or ``create``) and sources: columns by comprehension
over typed decoders, 0.7 µs a document. A mixture of usual lines: one loop. Every other line is read by ``_slow``, which also
finds Elasticsearch's words for what is wrong with it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
import orjson

from pipeline.ingest.ports import Op, WriteOptions
from query_api.elastic.wire.call import json_error, token_of
from schemas.errors import SedimentError, illegal_argument, invalid
from schemas.limits import ID_BYTES_MAX

OPS: Mapping[str, Op] = {
    "index": Op.INDEX,
    "create": Op.CREATE,
    "update": Op.UPDATE,
    "delete": Op.DELETE,
}
_PARAMETERS = frozenset({
    "_index", "_id", "routing", "op_type", "version", "version_type", "if_seq_no", "if_primary_term", "retry_on_conflict", "pipeline",
    "_source", "require_alias",
})  # fmt: skip
_INTEGERS = frozenset({"version", "if_seq_no", "if_primary_term", "retry_on_conflict"})
_VERSION_TYPES = frozenset({"internal", "external", "external_gte"})


class _Plain(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """The two parameters that nearly every action line keeps to."""

    index: str | None = msgspec.field(name="_index", default=None)
    id: str | None = msgspec.field(name="_id", default=None)


class _Line(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    index: _Plain | None = None
    create: _Plain | None = None
    delete: _Plain | None = None


class _IndexLine(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    index: _Plain


class _CreateLine(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    create: _Plain


_decode = msgspec.json.Decoder(_Line).decode
_decode_index = msgspec.json.Decoder(_IndexLine).decode
_decode_create = msgspec.json.Decoder(_CreateLine).decode


@dataclass(frozen=True, slots=True)
class Defaults:
    """What the URL says for lines that say nothing."""

    index: str = ""
    routing: str | None = None
    pipeline: str = ""
    require_alias: bool = False


@dataclass(slots=True)
class Actions:
    """n actions in columns. ``refused`` are those that never reach the log; their other columns are still filled."""

    ops: list[int] = field(default_factory=list)
    indices: list[str] = field(default_factory=list)
    ids: list[bytes | None] = field(default_factory=list)
    sources: list[bytes | None] = field(default_factory=list)
    options: dict[int, WriteOptions] = field(default_factory=dict)
    refused: dict[int, SedimentError] = field(default_factory=dict)
    show_source: dict[int, Any] = field(default_factory=dict)  # update: which parts of the new source the item shows
    aliased: set[int] = field(default_factory=set)  # rows whose index must be an alias

    def __len__(self) -> int:
        return len(self.ops)

    def add(self, op: int, index: str, key: bytes | None, source: bytes | None) -> None:
        """One more action."""
        self.ops.append(op)
        self.indices.append(index)
        self.ids.append(key)
        self.sources.append(source)


@dataclass(slots=True)
class _Metadata:
    """An action line as the slow path read it."""

    op: Op
    values: dict[str, Any]

    def text(self, name: str, default: str | None = None) -> str | None:
        value = self.values.get(name)
        return default if value is None else _text(value)


def parse_bulk(body: bytes, defaults: Defaults) -> Actions:
    """All actions. Raises for what makes the whole request void: a malformed action line, a missing newline at the end,
    an index or an id that is nowhere given.
    """
    if not body or body.isspace():
        raise invalid("parse", "request body is required")
    if not body.endswith(b"\n"):
        raise illegal_argument("The bulk request must be terminated by a newline [\\n]")
    lines = body.split(b"\n")
    plain = not (defaults.routing or defaults.pipeline or defaults.require_alias)
    uniform = _uniform(lines, defaults.index) if plain and b"\r" not in body else None
    actions = uniform or _mixed(lines, defaults, plain)
    _validate(actions)
    return actions


def _uniform(lines: list[bytes], index: str) -> Actions | None:
    """A body whose every other line is a usual index action (or every one a create); None for any other body."""
    heads, sources = lines[0:-1:2], lines[1:-1:2]
    if len(heads) != len(sources):
        return None
    creates = heads[0].startswith(b'{"create"')
    try:
        plain = (
            [one.create for one in map(_decode_create, heads)]
            if creates
            else [one.index for one in map(_decode_index, heads)]
        )
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    ids = [None if one.id is None else one.id.encode() for one in plain]
    if b"" in ids:
        return None
    indices = [one.index or index for one in plain]
    op = int(Op.CREATE if creates else Op.INDEX)
    return Actions([op] * len(heads), indices, ids, list(sources))


def _mixed(lines: list[bytes], defaults: Defaults, plain: bool) -> Actions:
    actions = Actions()
    add, index, delete = actions.add, defaults.index, int(Op.DELETE)
    at, count = 0, len(lines) - 1
    while at < count:
        line = lines[at]
        at += 1
        if not line.strip():
            continue
        fast = _fast(line, index) if plain else None
        if fast is not None:
            op, name, key = fast
            metadata = None
        else:
            metadata = _slow(line, at)
            op, name, key = _identity(metadata, defaults)
        source: bytes | None = None
        if op != delete:
            source = lines[at] if at < count else b""
            at += 1
            if source.endswith(b"\r"):
                source = source[:-1]
        add(op, name, key, source)
        if metadata is not None:
            _note(actions, metadata, defaults)
    return actions


def _fast(line: bytes, index: str) -> tuple[int, str, bytes | None] | None:
    """The usual action line; None for every line that deserves a closer look."""
    try:
        one = _decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    if one.index is not None:
        plain, op, other = one.index, 0, one.create or one.delete
    elif one.create is not None:
        plain, op, other = one.create, 1, one.delete
    else:
        if one.delete is None:
            return None
        plain, op, other = one.delete, 3, None
    name = plain.id
    if other is not None or name == "":
        return None
    return op, plain.index or index, None if name is None else name.encode()


def _malformed(number: int, expected: str, found: str) -> SedimentError:
    return illegal_argument(f"Malformed action/metadata line [{number}], expected {expected} but found [{found}]")


def _slow(line: bytes, number: int) -> _Metadata:
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise json_error(line, error) from None
    if not isinstance(value, dict):
        raise _malformed(number, "START_OBJECT", token_of(value))
    if not value:
        raise _malformed(number, "FIELD_NAME", "END_OBJECT")
    (name, metadata), *more = value.items()
    if name not in OPS:
        raise _malformed(number, "field [create], [delete], [index] or [update]", name)
    if not isinstance(metadata, dict):
        raise _malformed(number, "START_OBJECT", token_of(metadata))
    if more:
        raise _malformed(number, "END_OBJECT", "FIELD_NAME")
    _check_metadata(metadata, number)
    op = OPS[name]
    if op is Op.INDEX and metadata.get("op_type") == "create":
        op = Op.CREATE
    return _Metadata(op, metadata)


def _check_metadata(metadata: dict[str, Any], number: int) -> None:
    """Known parameters with simple values; whole numbers as such."""
    for key, inner in metadata.items():
        if key not in _PARAMETERS:
            raise illegal_argument(f"Action/metadata line [{number}] contains an unknown parameter [{key}]")
        if isinstance(inner, (dict, list)) and key != "_source":
            raise illegal_argument(
                f"Malformed action/metadata line [{number}], expected a simple value for field [{key}] but found [{token_of(inner)}]"
            )
        if key in _INTEGERS and inner is not None:
            metadata[key] = _integer(key, inner)


def _integer(name: str, value: Any) -> int:
    try:
        number = int(value)
    except (ValueError, TypeError, OverflowError):
        raise illegal_argument(f"Failed to parse [{name}] with value [{value}] as a whole number") from None
    if not -(1 << 63) <= number < 1 << 63:
        raise illegal_argument(f"Failed to parse [{name}] with value [{value}]: out of range of a long")
    return number


def _text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _identity(metadata: _Metadata, defaults: Defaults) -> tuple[int, str, bytes | None]:
    key = metadata.text("_id")
    index = metadata.text("_index", defaults.index) or ""
    return int(metadata.op), index, None if key is None else key.encode("utf-8", "replace")


def _note(actions: Actions, metadata: _Metadata, defaults: Defaults) -> None:
    row = len(actions) - 1
    try:
        options = options_from(metadata.values, metadata.text("routing", defaults.routing))
        check_identity(metadata.op, actions.ids[row], options)
        check_pipeline(metadata.text("pipeline", defaults.pipeline) or "")
    except SedimentError as error:
        actions.refused[row] = error
        return
    alias = metadata.values.get("require_alias")
    if defaults.require_alias if alias is None else str(alias).lower() == "true":
        actions.aliased.add(row)
    if options != WriteOptions():
        actions.options[row] = options
    if metadata.op is Op.UPDATE and metadata.values.get("_source") is not None:
        actions.show_source[row] = metadata.values["_source"]


def not_an_alias(index: str) -> SedimentError:
    """``require_alias`` where there is no alias of that name."""
    from query_api.elastic.wire.names import missing  # noqa: PLC0415  # names need the call, the call's parser needs nothing of this

    error = missing(index)
    error.message = f"no such index [{index}] and [require_alias] request flag is [true] and [{index}] is not an alias"
    return error


def check_pipeline(pipeline: str) -> None:
    """Raises ``illegal_argument`` for an ingest pipeline, since none can be defined."""
    if pipeline and pipeline != "_none":
        raise illegal_argument(f"pipeline with id [{pipeline}] does not exist")


def options_from(values: Mapping[str, Any], routing: str | None) -> WriteOptions:
    """The demands of one write. Raises ``illegal_argument``."""
    kind = str(values.get("version_type") or "internal")
    if kind not in _VERSION_TYPES:
        raise illegal_argument(f"No version type match [{kind}]")
    version = values.get("version")
    if version is not None and kind == "internal":
        raise validation(
            "internal versioning can not be used for optimistic concurrency control. Please use `if_seq_no` and `if_primary_term` instead"
        )
    if (values.get("if_seq_no") is None) != (values.get("if_primary_term") is None):
        raise validation("ifSeqNo and ifPrimaryTerm must be set together")
    return WriteOptions(
        if_seq_no=values.get("if_seq_no"),
        if_primary_term=values.get("if_primary_term"),
        version=version,
        version_type=kind,
        routing=routing,
    )


def check_identity(op: Op, key: bytes | None, options: WriteOptions) -> None:
    """Raises for an id that cannot be one, and for demands that an action cannot have."""
    if key == b"":
        raise illegal_argument("if _id is specified it must not be empty")
    if key is not None and len(key) > ID_BYTES_MAX:
        raise illegal_argument(f"id is too long, must be no longer than {ID_BYTES_MAX} bytes but was: {len(key)}")
    if op is Op.CREATE and options.version is not None:
        raise validation("create operations only support internal versioning. use index instead")
    if op is Op.CREATE and options.if_seq_no is not None:
        raise validation("create operations do not support compare and set. use index instead")
    if op is Op.UPDATE and options.version is not None:
        raise validation("update operations do not support versioning: use if_seq_no and if_primary_term")


def validation(*reasons: str) -> SedimentError:
    """``Validation Failed: 1: …;2: …;``."""
    text = "".join(f"{i}: {reason};" for i, reason in enumerate(reasons, 1))
    return invalid("action_request_validation", f"Validation Failed: {text}")


def _validate(actions: Actions) -> None:
    if not len(actions):
        raise validation("no requests added")
    reasons: list[str] = []
    if "" in actions.indices:
        reasons += ["index is missing"] * actions.indices.count("")
    if None in actions.ids:
        both = zip(actions.ops, actions.ids, strict=True)
        reasons += ["id is missing" for op, key in both if key is None and op in (Op.UPDATE, Op.DELETE)]
    if reasons:
        raise validation(*reasons)
    if len(max(filter(None, actions.ids), key=len, default=b"")) <= ID_BYTES_MAX:
        return
    for row, key in enumerate(actions.ids):
        if key is not None and len(key) > ID_BYTES_MAX and row not in actions.refused:
            actions.refused[row] = illegal_argument(
                f"id is too long, must be no longer than {ID_BYTES_MAX} bytes but was: {len(key)}"
            )
