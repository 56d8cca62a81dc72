"""One HTTP request and its answer, as handlers see them: parameters, body, filter_path, pretty.

A handler is a plain function ``(services, call) -> Reply`` that may block; ``routes`` runs it in a thread.
"""

import json
import re
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import orjson

from query_api.fanout.services import Services
from schemas.errors import ErrorKind, SedimentError, illegal_argument, invalid
from schemas.fields.wildcards import fits

JSON_TYPE = "application/json; charset=UTF-8"
TEXT_TYPE = "text/plain; charset=UTF-8"
# Parameters that every route takes.
COMMON_PARAMETERS = frozenset({
    "pretty", "human", "error_trace", "filter_path", "format", "source", "source_content_type", "request_id", "timeout",
    "master_timeout", "cluster_manager_timeout",
})  # fmt: skip
_OPTIONS = orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY
_POSITION = re.compile(r"line (\d+) column (\d+) \(char (\d+)\)")
_TIME = re.compile(r"(-?\d+(?:\.\d+)?)(nanos|micros|ms|s|m|h|d)")
_TIME_SECONDS = {
    "nanos": 1e-9,
    "micros": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
    "d": 86400.0,
}


@dataclass(slots=True)
class Call:
    """A request. ``parameters`` are those of the URL, ``path`` the values of the route's placeholders."""

    method: str
    uri: str  # path and query as they came
    route_path: str  # the path, decoded
    parameters: Mapping[str, str]
    headers: Mapping[str, str]  # names in lower case
    body: bytes = b""
    path: Mapping[str, str] = field(default_factory=dict)

    def text(self, name: str, default: str = "") -> str:
        """A parameter as text."""
        return self.parameters.get(name, default)

    def flag(self, name: str, default: bool = False) -> bool:
        """A boolean parameter; an empty value turns it on."""
        value = self.parameters.get(name)
        if value is None:
            return default
        if value in {"", "true"}:
            return True
        if value == "false":
            return False
        raise illegal_argument(f"Failed to parse value [{value}] as only [true] or [false] are allowed.")

    def integer(self, name: str) -> int | None:
        """A whole number parameter, or None."""
        value = self.parameters.get(name)
        if value is None:
            return None
        try:
            return _int64(value)
        except ValueError:
            raise illegal_argument(
                f"Failed to parse int parameter [{name}] with value [{value}]",
                caused_by={"type": "number_format_exception", "reason": f'For input string: "{value}"'},
            ) from None

    def seconds(self, name: str, default: float) -> float:
        """A duration parameter (``30s``) in seconds."""
        value = self.parameters.get(name)
        return default if not value or value == "-1" else duration(name, value)

    def json(self) -> Any:
        """The body as JSON, None where there is none. Raises ``json_parse``."""
        return parse_json(self.body) if self.body.strip() else None

    def json_object(self) -> dict[str, Any]:
        """The body, which must be a JSON object that says nothing twice; empty where there is none."""
        value = self.json()
        if value is None:
            return {}
        check_duplicates(self.body)
        if not isinstance(value, dict):
            raise invalid("parse", f"Expected [START_OBJECT] but found [{token_of(value)}]")
        return value

    def required_object(self) -> dict[str, Any]:
        """The body, which must be there and be a JSON object."""
        if not self.body.strip():
            raise invalid("parse", "request body is required")
        return self.json_object()


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: a value to be written as JSON, or bytes that are written as they are."""

    value: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = None
    content_type: str = JSON_TYPE


Handler = Callable[[Services, Call], Reply]


def duration(name: str, text: str) -> float:
    """A duration (``30s``) in seconds. Raises ``illegal_argument``."""
    match = _TIME.fullmatch(text)
    if match is None:
        raise illegal_argument(
            f"failed to parse setting [{name}] with value [{text}] as a time value: unit is missing or unrecognized"
        )
    return float(match[1]) * _TIME_SECONDS[match[2]]


def _int64(text: str) -> int:
    if len(text) > 20 or not text.isascii():
        raise ValueError(text)
    number = int(text)
    if not -(1 << 63) <= number < 1 << 63 or "_" in text:
        raise ValueError(text)
    return number


def token_of(value: Any) -> str:
    """A JSON value's kind as Jackson names its token."""
    if isinstance(value, dict):
        return "START_OBJECT"
    if isinstance(value, list):
        return "START_ARRAY"
    if isinstance(value, bool) or value is None:
        return "VALUE_NULL" if value is None else "VALUE_BOOLEAN"
    return "VALUE_STRING" if isinstance(value, str) else "VALUE_NUMBER"


def parse_json(data: bytes) -> Any:
    """JSON to Python values. Raises ``json_parse`` with the place."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise json_error(data, error) from None
    except RecursionError:
        raise invalid("json_parse", "Document nesting depth exceeds the maximum allowed") from None


def json_error(data: bytes, error: orjson.JSONDecodeError) -> SedimentError:
    """What is wrong with this JSON, in Jackson's words, and where."""
    if "UTF-8" in str(error):
        return _not_text(data)
    match = _POSITION.search(str(error))
    line, column = (int(match[1]), int(match[2])) if match else (1, 1)
    where = f"\n at [Source: (byte[])[{len(data)} bytes]; line: {line}, column: {column}]"
    text = data.decode("utf-8", "replace")
    at = int(match[3]) if match else len(text)
    if at >= len(text.rstrip()):
        return invalid("json_parse", f"Unexpected end-of-input: {_plain(error)}{where}", line=line, col=column)
    char = text[at]
    return invalid(
        "json_parse",
        f"Unexpected character ('{char}' (code {ord(char)})): {_plain(error)}{where}",
        line=line,
        col=column,
    )


def _not_text(data: bytes) -> SedimentError:
    """Where the first byte is that is not UTF-8."""
    try:
        data.decode()
        at = 0
    except UnicodeDecodeError as error:
        at = error.start
    line, column = data.count(b"\n", 0, at) + 1, at - data.rfind(b"\n", 0, at)
    where = f"\n at [Source: (byte[])[{len(data)} bytes]; line: {line}, column: {column}]"
    return invalid("json_parse", f"Invalid UTF-8 byte 0x{data[at]:02x}{where}", line=line, col=column)


def check_duplicates(data: bytes) -> None:
    """Raise ``json_parse`` where an object says a thing twice: one of both would be dropped in silence. ``data`` can be parsed."""
    try:
        json.loads(data, object_pairs_hook=_each_once, parse_int=len, parse_float=len)
    except RecursionError:
        raise invalid("json_parse", "Document nesting depth exceeds the maximum allowed") from None


def _each_once(pairs: list[tuple[str, Any]]) -> None:
    if len(dict(pairs)) == len(pairs):
        return
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            raise invalid("json_parse", f"Duplicate field '{name[:200]}'")
        seen.add(name)


def _plain(error: orjson.JSONDecodeError) -> str:
    return _POSITION.sub("", str(error)).rstrip(": ")


def parse_query_string(query: bytes) -> dict[str, str]:
    """URL parameters; the last of several wins. Raises ``illegal_argument`` for bytes that are not UTF-8."""
    try:
        pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict", separator="&")
    except (UnicodeDecodeError, ValueError):
        raise illegal_argument("the URL's parameters are not valid UTF-8 in percent-encoding") from None
    return dict(pairs)


def inflate(body: bytes, bytes_max: int) -> bytes:
    """A gzip body, unpacked, bounded. Raises ``content_too_long`` and ``not_x_content``."""
    unpack = zlib.decompressobj(wbits=31)
    try:
        plain = unpack.decompress(body, bytes_max + 1)
    except zlib.error:
        raise invalid("not_x_content", "Content-Encoding is gzip, but the body is not gzip") from None
    if len(plain) > bytes_max:
        raise too_long(bytes_max)
    if not unpack.eof:
        raise invalid("not_x_content", "the gzip body ends too early")
    return plain


def too_long(bytes_max: int) -> SedimentError:
    """The body is above the limit."""
    return SedimentError(
        ErrorKind.TOO_LARGE,
        "content_too_long",
        f"entity content is too long for the configured buffer limit [{bytes_max}]: send smaller requests",
    )


def dump(value: Any, *, pretty: bool = False) -> bytes:
    """A value as JSON; numpy values and raw fragments included."""
    return orjson.dumps(value, default=str, option=_OPTIONS | (orjson.OPT_INDENT_2 if pretty else 0))


def render(reply: Reply, call: Call) -> bytes:
    """The answer's bytes, with filter_path and pretty applied."""
    pretty = call.parameters.get("pretty", "false") != "false"
    filters = call.parameters.get("filter_path")
    if reply.content is not None:
        if reply.content_type != JSON_TYPE or not (pretty or filters):
            return reply.content
        value = orjson.loads(reply.content)
    else:
        value = reply.value
    if filters:
        plain = orjson.loads(dump(value))
        value = filter_paths(plain, [one for one in filters.split(",") if one])
    data = dump(value, pretty=pretty)
    return data + b"\n" if pretty else data


def filter_paths(value: Any, filters: Iterable[str]) -> Any:
    """The parts of a value that ``filter_path`` keeps: ``a.*.b``, ``**.c``, ``-a.d`` to leave out."""
    given = list(filters)
    excludes = [one[1:].split(".") for one in given if one.startswith("-")]
    includes = [one.split(".") for one in given if not one.startswith("-")]
    if includes:
        kept = _include(value, includes)
        value = {} if kept is _NOTHING else kept
    return _exclude(value, excludes) if excludes else value


_NOTHING = object()


def _step(name: str, patterns: Iterable[list[str]]) -> list[list[str]]:
    """What is left of the patterns below a key; an empty rest means: everything below."""
    rest: list[list[str]] = []
    for pattern in patterns:
        if not pattern:
            continue
        if pattern[0] == "**":
            rest += [pattern, *_step(name, [pattern[1:]])]
        elif fits(pattern[0], name):
            rest.append(pattern[1:])
    return rest


def _include(value: Any, patterns: list[list[str]]) -> Any:
    if any(not p or p == ["**"] for p in patterns):
        return value
    if isinstance(value, list):
        items = [_include(one, patterns) for one in value]
        kept = [one for one in items if one is not _NOTHING]
        return kept or _NOTHING
    if not isinstance(value, dict):
        return _NOTHING
    found = {k: _include(v, rest) for k, v in value.items() if (rest := _step(k, patterns))}
    found = {k: v for k, v in found.items() if v is not _NOTHING}
    return found or _NOTHING


def _exclude(value: Any, patterns: list[list[str]]) -> Any:
    if isinstance(value, list):
        return [_exclude(one, patterns) for one in value]
    if not isinstance(value, dict):
        return value
    kept: dict[str, Any] = {}
    for name, inner in value.items():
        rest = _step(name, patterns)
        if [] not in rest:
            kept[name] = _exclude(inner, rest) if rest else inner
    return kept
