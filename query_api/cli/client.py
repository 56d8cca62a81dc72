"""A small REST client for the commands: errors as messages, 429 and 503 retried."""

import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx
import orjson

from schemas.errors import ErrorKind, SedimentError, unavailable

RETRIES_MAX = 12
BACKOFF_SECONDS = 0.05
BACKOFF_SECONDS_MAX = 5.0
TIMEOUT_SECONDS = 120.0
NDJSON = "application/x-ndjson"
_KINDS = {kind.status: kind for kind in ErrorKind}


class Client:
    """Talks to one node. Raises ``SedimentError`` for every answer that is not 2xx (and not 404 where that is asked for)."""

    def __init__(self, url: str, sleep: Callable[[float], None] = time.sleep) -> None:
        self.url = url.rstrip("/")
        self._http = httpx.Client(base_url=self.url, timeout=TIMEOUT_SECONDS)
        self._sleep = sleep

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        parameters: Mapping[str, str] | None = None,
        missing_ok: bool = False,
    ) -> Any:
        """One request; the answer's JSON, None for a permitted 404. ``body``: bytes are NDJSON, anything else JSON."""
        content = body if isinstance(body, bytes) or body is None else orjson.dumps(body)
        headers = {} if body is None else {"content-type": NDJSON if isinstance(body, bytes) else "application/json"}
        response = self._send(method, path, content, headers, parameters)
        for attempt in range(RETRIES_MAX):
            if response.status_code not in {429, 503}:
                break
            self.wait(attempt, response.headers.get("retry-after", ""))
            response = self._send(method, path, content, headers, parameters)
        if response.status_code == 404 and missing_ok:
            return None
        if response.status_code >= 400:
            raise _error(response)
        return orjson.loads(response.content) if response.content else None

    def wait(self, attempt: int, retry_after: str = "") -> None:
        """Back off: the server's word, else twice as long each time."""
        longest = min(BACKOFF_SECONDS_MAX, BACKOFF_SECONDS * 2**attempt)
        named = float(retry_after) if retry_after.isdigit() else longest
        self._sleep(min(named, longest) if attempt < 4 else longest)

    def _send(
        self,
        method: str,
        path: str,
        content: bytes | None,
        headers: Mapping[str, str],
        parameters: Mapping[str, str] | None,
    ) -> httpx.Response:
        try:
            return self._http.request(
                method, path, content=content, headers=dict(headers), params=dict(parameters or {})
            )
        except httpx.HTTPError as error:
            reason = f"{self.url} does not answer ({error}): is `sediment serve` running, and is --url right?"
            raise unavailable("unreachable", reason) from error


def segment(text: str) -> str:
    """A name as one segment of a path."""
    return quote(text, safe="")


def _error(response: httpx.Response) -> SedimentError:
    kind = _KINDS.get(response.status_code, ErrorKind.INVALID)
    try:
        found = response.json()["error"]
        reason = found if isinstance(found, str) else f"{found['reason']} ({found['type']})"
    except (ValueError, KeyError, TypeError):
        reason = response.text[:500]
    return SedimentError(kind, "rest", f"{response.status_code}: {reason}")
