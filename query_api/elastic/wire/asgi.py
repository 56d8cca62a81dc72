"""The ASGI application of the Elasticsearch dialect: read the request, run its handler in a thread, write the answer.

Requests that are known to be short are answered on the event loop instead, by ``answer_now``: see ``pace`` and ``protocol``.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from time import thread_time
from typing import Any, Final

from pipeline.telemetry import names
from pipeline.telemetry.tracing import failed
from query_api.elastic.wire import errors
from query_api.elastic.wire.call import (
    Call,
    Reply,
    inflate,
    parse_query_string,
    render,
    too_long,
)
from query_api.elastic.wire.pace import QUICK_BODY_BYTES_MAX, Askers, Pace, shape_of
from query_api.elastic.wire.router import Body, Match, Route, Router, Where, check_parameters
from query_api.fanout.services import Services
from schemas.errors import SedimentError, illegal_argument

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
log = logging.getLogger(__name__)
DIALECT = "elastic"
NO_ROUTE = "none"
# Official clients of version 7.14 and later refuse a server that does not say this.
PRODUCT = ("x-elastic-product", "Elasticsearch")
_JSON_TYPES = ("application/json", "application/vnd.elasticsearch+json", "application/vnd.opensearch+json")
_LINE_TYPES = ("application/x-ndjson", "application/vnd.elasticsearch+x-ndjson", "application/vnd.opensearch+x-ndjson")


PLACES_MAX: Final = 1_024
_WAITING: Final = frozenset({"refresh", "source"})  # parameters that make a read wait, or hide its body


class ClientGoneError(Exception):
    """The client closed the connection before its request was complete."""


@dataclass(frozen=True, slots=True)
class Place:
    """What a method and a URL say of a request that may be short: its route, whose parameters were checked."""

    method: str
    uri: str
    route: Route
    path: Mapping[str, str]  # values of the route's placeholders
    parameters: Mapping[str, str]


class ElasticApp:
    """Routes, threads, limits. One per process."""

    def __init__(self, services: Services, router: Router) -> None:
        self._services = services
        self._router = router
        self._waiting = 0
        self._pace = Pace()
        self._askers = Askers()
        self._places: dict[tuple[bytes, bytes], Place | None] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        assert scope["type"] == "http", "websockets are not served"
        started = self._services.monotonic()
        headers = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in scope["headers"]}
        call = Call(scope["method"], _uri(scope), scope["path"], {}, headers)
        template = NO_ROUTE
        try:
            call.parameters = parse_query_string(scope["query_string"])
            found = self._router.find(call.method, _raw_path(scope))
            if isinstance(found, Match):
                template = found.route.template
                reply, data = await self._answer(found, call, receive)
            else:
                reply, data = _rendered(_no_route(call, found), call)
        except ClientGoneError:
            return
        except SedimentError as error:
            reply, data = _rendered(_error_reply(error), call)
        except Exception as error:  # the outermost loop: nothing may escape it
            log.exception("unexpected error in %s %s", call.method, call.uri)
            reply, data = _rendered(_unexpected(error), call)
        await _send(call, reply, data, send)
        self._observe(template, reply.status, self._services.monotonic() - started)

    # ------------------------------------------------------------------ at once

    def place_of(self, method: bytes, url: bytes) -> Place | None:
        """Where a request that may be short goes; None for all others, and for those that are wrong. Remembered by URL."""
        key = (method, url)
        if key not in self._places:
            if len(self._places) >= PLACES_MAX:
                self._places.clear()
            self._places[key] = self._find_place(method.decode("latin-1"), url)
        return self._places[key]

    def _find_place(self, method: str, url: bytes) -> Place | None:
        raw, _, query = url.partition(b"?")
        try:
            parameters = parse_query_string(query)
            found = self._router.find(method, raw.decode("latin-1"))
            if not isinstance(found, Match) or found.route.where is not Where.QUICK or parameters.keys() & _WAITING:
                return None
            check_parameters(found.route, raw.decode("latin-1"), parameters)
        except SedimentError:
            return None
        return Place(method, url.decode("latin-1"), found.route, found.values, parameters)

    def answer_now(
        self, place: Place, headers: list[tuple[bytes, bytes]], body: bytes, asker: int
    ) -> tuple[int, bytes, bytes] | None:
        """Status, head and body of the answer, if requests of this shape are known to be short; else None, and nothing was done.
        ``asker``: a number of the connection.
        """
        shape = _shape(place.route, place.uri, place.path, body)
        started = self._services.monotonic()
        if not self._pace.is_quick(shape, alone=self._askers.is_alone(asker, started)):
            return None
        named = {k.decode("latin-1"): v.decode("latin-1") for k, v in headers}
        call = Call(place.method, place.uri, place.uri.partition("?")[0], place.parameters, named, body, place.path)
        if "content-encoding" in named or _content_type_error(place.route, call) is not None:
            return None
        reply, data = self._timed(shape, place.route, call)
        self._observe(place.route.template, reply.status, self._services.monotonic() - started)
        head = b"".join([k + b": " + v + b"\r\n" for k, v in _headers(call, reply, data)])
        return reply.status, head + b"\r\n", data

    def _timed(self, shape: bytes, one: Route, call: Call) -> tuple[Reply, bytes]:
        """Run the handler and note how long it took."""
        begin = thread_time()
        answer = self._traced(one, call)
        self._pace.note(shape, thread_time() - begin)
        return answer

    # ------------------------------------------------------------------ in a thread

    async def _answer(self, found: Match, call: Call, receive: Receive) -> tuple[Reply, bytes]:
        check_parameters(found.route, call.route_path, call.parameters)
        call.path = found.values
        call.body = await _read_body(call, receive, self._services.settings.limits.request_bytes)
        if not call.body and "source" in call.parameters:
            call.body = _source_parameter(call)
        else:
            unsupported = _content_type_error(found.route, call)
            if unsupported is not None:
                return _rendered(unsupported, call)
        return await self._run(found.route, call)

    async def _run(self, one: Route, call: Call) -> tuple[Reply, bytes]:
        pools = self._services.pools
        pool: ThreadPoolExecutor = {Where.WRITE: pools.write, Where.BULK: pools.bulk}.get(one.where, pools.search)
        if self._waiting >= self._services.settings.threads.queue_max:
            raise errors.overloaded(one.template)
        self._waiting += 1
        self._services.metrics.set(names.REST_IN_FLIGHT, self._waiting)
        try:
            context = copy_context()
            loop = asyncio.get_running_loop()
            if one.where is Where.QUICK and len(call.body) <= QUICK_BODY_BYTES_MAX:
                shape = _shape(one, call.uri, call.path, call.body)
                return await loop.run_in_executor(pool, context.run, self._timed, shape, one, call)
            return await loop.run_in_executor(pool, context.run, self._traced, one, call)
        finally:
            self._waiting -= 1
            self._services.metrics.set(names.REST_IN_FLIGHT, self._waiting)

    def _traced(self, one: Route, call: Call) -> tuple[Reply, bytes]:
        """Run the handler within a span; what it raises is answered here, so that log lines carry the trace."""
        parent = call.headers.get("traceparent", "").encode("latin-1", "replace") or None
        with self._services.tracer.span(names.SPAN_REST, parent, dialect=DIALECT, route=one.template) as span:
            try:
                reply, data = _rendered(one.handler(self._services, call), call)
            except SedimentError as error:
                reply, data = _rendered(_error_reply(error), call)
            except Exception as error:  # the outermost loop of this thread
                log.exception("unexpected error in %s %s", call.method, call.uri)
                reply, data = _rendered(_unexpected(error), call)
            span.set_attribute("status", reply.status)
            if reply.status >= 500:
                failed(span, str(reply.status))
        return reply, data

    def _observe(self, template: str, status: int, seconds: float) -> None:
        metrics = self._services.metrics
        metrics.add(names.REST_REQUESTS, dialect=DIALECT, route=template, status=f"{status // 100}xx")
        metrics.observe(names.REST_SECONDS, seconds, dialect=DIALECT, route=template)


def _shape(one: Route, uri: str, path: Mapping[str, str], body: bytes) -> bytes:
    """Requests for the documents of an index are alike, whatever their ids."""
    where = f"{one.template} {path.get('index', '')}?{uri.partition('?')[2]}"
    return shape_of(where.encode("utf-8", "surrogatepass"), body)


def _raw_path(scope: Scope) -> str:
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    return raw.partition(b"?")[0].decode("latin-1")


def _uri(scope: Scope) -> str:
    query = scope["query_string"].decode("latin-1")
    return f"{_raw_path(scope)}?{query}" if query else _raw_path(scope)


def _no_route(call: Call, allowed: list[str]) -> Reply:
    if not allowed:
        status, value = errors.no_handler(call.method, call.uri)
        return Reply(value, status)
    if call.method == "OPTIONS":
        return Reply(
            status=200, headers={"allow": ",".join(allowed)}, content=b"", content_type="text/plain; charset=UTF-8"
        )
    status, value = errors.wrong_method(call.method, call.uri, allowed)
    return Reply(value, status, {"allow": ",".join(allowed)})


def _error_reply(error: SedimentError) -> Reply:
    status, value = errors.render(error)
    headers = {"retry-after": "1"} if status in {429, 503} else {}
    if status >= 500:
        log.warning("answered %d: %s", status, error.message)
    return Reply(value, status, headers)


def _unexpected(error: Exception) -> Reply:
    status, value = errors.internal(error)
    return Reply(value, status)


async def _read_body(call: Call, receive: Receive, bytes_max: int) -> bytes:
    declared = call.headers.get("content-length", "0")
    if declared.isdigit() and int(declared[:18]) > bytes_max:
        raise too_long(bytes_max)
    parts: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        part = message.get("body", b"")
        size += len(part)
        if size > bytes_max:
            raise too_long(bytes_max)
        parts.append(part)
        more = message.get("more_body", False)
    body = parts[0] if len(parts) == 1 else b"".join(parts)
    coding = call.headers.get("content-encoding", "identity").lower()
    if body and coding in {"gzip", "x-gzip"}:
        return await asyncio.to_thread(inflate, body, bytes_max)
    if body and coding not in {"identity", ""}:
        raise illegal_argument(f"Content-Encoding [{coding}] is not supported: use gzip or none")
    return body


def _source_parameter(call: Call) -> bytes:
    kind = call.parameters.get("source_content_type")
    if not kind:
        raise illegal_argument("source and source_content_type parameters are required")
    if kind.partition(";")[0].strip().lower() not in _JSON_TYPES + _LINE_TYPES:
        raise illegal_argument(f"Unknown value for source_content_type [{kind}]")
    return call.parameters["source"].encode("utf-8", "surrogatepass")


def _content_type_error(one: Route, call: Call) -> Reply | None:
    if not call.body or one.body is Body.ANY:
        return None
    kind = call.headers.get("content-type")
    if not kind:
        return _not_acceptable("Content-Type header is missing")
    accepted = _JSON_TYPES + _LINE_TYPES if one.body is Body.LINES else _JSON_TYPES
    if kind.partition(";")[0].strip().lower() in accepted:
        return None
    return _not_acceptable(f"Content-Type header [{kind}] is not supported")


def _not_acceptable(reason: str) -> Reply:
    return Reply({"error": reason, "status": 406}, 406)


def _rendered(reply: Reply, call: Call) -> tuple[Reply, bytes]:
    return reply, render(reply, call)


async def _send(call: Call, reply: Reply, data: bytes, send: Send) -> None:
    await send({"type": "http.response.start", "status": reply.status, "headers": _headers(call, reply, data)})
    await send({"type": "http.response.body", "body": b"" if call.method == "HEAD" else data})


def _headers(call: Call, reply: Reply, data: bytes) -> list[tuple[bytes, bytes]]:
    return [
        (b"content-type", reply.content_type.encode()),
        (b"content-length", b"%d" % len(data)),
        (PRODUCT[0].encode(), PRODUCT[1].encode()),
        *_extra(reply.headers, call),
    ]


def _extra(headers: Mapping[str, str], call: Call) -> list[tuple[bytes, bytes]]:
    found = [(k.encode("latin-1"), v.encode("utf-8")) for k, v in headers.items()]
    opaque = call.headers.get("x-opaque-id")
    if opaque:
        found.append((b"x-opaque-id", opaque.encode("latin-1")))
    return found
