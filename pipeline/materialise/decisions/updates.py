"""Partial updates: the current source and the body of an ``update`` become a new source, or nothing to do.

A pure function of both, so that every replica and every replay makes the same document. JSON objects are merged key by key,
anything else is replaced, as Elasticsearch does; what changes nothing is a no-op.
"""

import json
from dataclasses import dataclass
from enum import Enum
from typing import Any

from schemas.errors import SedimentError, invalid

_KNOWN = {"doc", "upsert", "doc_as_upsert", "detect_noop", "script", "scripted_upsert", "_source", "lang", "params"}


class Resolution(Enum):
    """What an update comes to."""

    WRITE = "write"
    NOOP = "noop"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Resolved:
    """The outcome, with the new source where there is one."""

    resolution: Resolution
    source: bytes | None = None


def resolve(current: bytes | None, body: bytes) -> Resolved:
    """Apply the body of an update. Raises INVALID for a body that says nothing to do or asks for a script."""
    request = parse_body(body)
    if current is None:
        return _insert(request)
    old = _loads(current)
    new = merge(old, request.get("doc", {}))
    if request.get("detect_noop", True) is True and new == old and _same_types(new, old):
        return Resolved(Resolution.NOOP, current)
    return Resolved(Resolution.WRITE, _dumps(new))


def parse_body(body: bytes) -> dict[str, Any]:
    """The body of an update, checked. Raises INVALID."""
    try:
        request = _loads(body)
    except ValueError as error:
        raise invalid("mapper_parsing", f"failed to parse the body of the update: {error}") from error
    if not isinstance(request, dict):
        raise invalid("mapper_parsing", "the body of an update must be an object")
    check_body(request)
    return request


def check_body(request: dict[str, Any]) -> None:
    """Raise INVALID, in Elasticsearch's words, for an update that cannot be carried out."""
    unknown = next((name for name in request if name not in _KNOWN), None)
    if unknown is not None:
        raise invalid("x_content_parse", f"[UpdateRequest] unknown field [{unknown}]")
    if "script" in request:
        raise invalid("illegal_argument", "scripted updates are not supported: send a partial document under [doc]")
    for name in ("doc", "upsert"):
        if name in request and not isinstance(request[name], dict):
            raise invalid("x_content_parse", f"[UpdateRequest] {name} doesn't support values of type: VALUE")
    if "doc" not in request:
        if request.get("doc_as_upsert"):
            raise invalid(
                "action_request_validation", "Validation Failed: 1: doc must be specified if doc_as_upsert is enabled;"
            )
        raise invalid("action_request_validation", "Validation Failed: 1: script or doc is missing;")


def _insert(request: dict[str, Any]) -> Resolved:
    if "upsert" in request:
        return Resolved(Resolution.WRITE, _dumps(request["upsert"]))
    if request.get("doc_as_upsert") is True:
        return Resolved(Resolution.WRITE, _dumps(request["doc"]))
    return Resolved(Resolution.MISSING)


def merge(old: Any, new: Any) -> Any:
    """``new`` laid over ``old``: objects key by key, everything else replaced. Neither is changed."""
    if not isinstance(old, dict) or not isinstance(new, dict):
        return new
    merged = dict(old)
    for key, value in new.items():
        merged[key] = merge(merged[key], value) if key in merged else value
    return merged


def _same_types(new: Any, old: Any) -> bool:
    """Python holds 1 == 1.0 == True; JSON does not."""
    if isinstance(new, dict) and isinstance(old, dict):
        return all(_same_types(value, old[key]) for key, value in new.items())
    if isinstance(new, list) and isinstance(old, list):
        return all(map(_same_types, new, old))
    return type(new) is type(old)


def _loads(text: bytes) -> Any:
    return json.loads(text)  # not orjson: it turns whole numbers beyond 64 bits into floats


def _dumps(value: Any) -> bytes:
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except ValueError as error:
        raise invalid(
            "mapper_parsing", f"the merged document holds a number that JSON has no form for: {error}"
        ) from error


__all__ = ["Resolution", "Resolved", "SedimentError", "check_body", "merge", "parse_body", "resolve"]
