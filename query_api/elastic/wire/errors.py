"""Error kinds to Elasticsearch's error bodies and statuses."""

from collections.abc import Mapping, Sequence
from typing import Any

from query_api.fanout.scatter import AllFailedError
from schemas.errors import ErrorKind, SedimentError

# Codes whose status differs from their kind's in Elasticsearch.
_STATUS = {
    "resource_already_exists": 400,
    "index_not_found": 404,
    "version_conflict_engine": 409,
    "document_missing": 404,
    "parse": 400,
    "json_parse": 400,
    "es_rejected_execution": 429,
    "too_many_requests": 429,
}
# Codes whose name in Elasticsearch is not code + "_exception".
_TYPES = {
    "es_rejected_execution": "rejected_execution_exception",
    "overloaded": "rejected_execution_exception",
    "timeout": "timeout_exception",
}
REST_STATUS_OF_NO_HANDLER = 400


def type_of(code: str) -> str:
    """``mapper_parsing`` -> ``mapper_parsing_exception``."""
    return _TYPES.get(code) or (code if code.endswith("_exception") else f"{code}_exception")


def status_of(error: SedimentError) -> int:
    """The HTTP status that Elasticsearch uses for this error."""
    named = error.details.get("status")
    return named if isinstance(named, int) else _STATUS.get(error.code, error.kind.status)


def cause(error: SedimentError) -> dict[str, Any]:
    """One entry of ``root_cause``: type, reason and what else is known (index, resource, position)."""
    details = {k: v for k, v in error.details.items() if k not in {"caused_by", "status"}}
    return {"type": type_of(error.code), "reason": error.message, **details}


def body(error: SedimentError) -> dict[str, Any]:
    """The whole error body."""
    one = cause(error)
    inner = error.details.get("caused_by")
    top = {**one, "caused_by": inner} if inner else one
    return {"error": {"root_cause": [one], **top}, "status": status_of(error)}


def item_error(error: SedimentError, index: str, uuid: str) -> dict[str, Any]:
    """The ``error`` of a bulk item."""
    return {**cause(error), "index": index, "index_uuid": uuid}


def shard_failure(index: str, shard: int, error: SedimentError) -> dict[str, Any]:
    """One entry of ``_shards.failures``."""
    return {"shard": shard, "index": index, "node": None, "reason": {**cause(error), "index": index}}


def search_failed(error: AllFailedError) -> dict[str, Any]:
    """search_phase_execution_exception around the causes: one entry per distinct cause, as Elasticsearch groups them."""
    grouped: dict[tuple[str, str, str], dict[str, Any]] = {}
    for one in error.failures:
        key = (one.index, one.error.code, one.error.message)
        grouped.setdefault(key, shard_failure(one.index, one.partition, one.error))
    failed = list(grouped.values())
    inner = error.failures[0].error
    return {
        "error": {
            "root_cause": [one["reason"] for one in failed],
            "type": "search_phase_execution_exception",
            "reason": "all shards failed",
            "phase": error.phase,
            "grouped": True,
            "failed_shards": failed,
            "caused_by": inner.details.get("caused_by") or cause(inner),
        },
        "status": status_of(inner),
    }


def render(error: SedimentError) -> tuple[int, Mapping[str, Any]]:
    """Status and body."""
    if isinstance(error, AllFailedError):
        whole = search_failed(error)
        return whole["status"], whole
    return status_of(error), body(error)


def no_handler(method: str, uri: str) -> tuple[int, Mapping[str, Any]]:
    """For a path that is none of ours."""
    reason = f"no handler found for uri [{uri}] and method [{method}]"
    return REST_STATUS_OF_NO_HANDLER, {"error": reason}


def wrong_method(method: str, uri: str, allowed: Sequence[str]) -> tuple[int, Mapping[str, Any]]:
    """For a path of ours and a method that it does not take."""
    reason = f"Incorrect HTTP method for uri [{uri}] and method [{method}], allowed: [{', '.join(allowed)}]"
    return 405, {"error": reason, "status": 405}


def internal(error: Exception) -> tuple[int, Mapping[str, Any]]:
    """For an exception that nobody expected: its trace is in the log, not in the answer."""
    name = type(error).__name__
    one = {"type": "internal_server_error", "reason": f"unexpected {name}: see the server's log"}
    return 500, {"error": {"root_cause": [one], **one}, "status": 500}


def overloaded(what: str) -> SedimentError:
    """Too much is waiting; the client should come back."""
    return SedimentError(
        ErrorKind.OVERLOADED, "es_rejected_execution", f"rejected execution of {what}: too many requests are waiting"
    )
