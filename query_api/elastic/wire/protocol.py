"""HTTP/1.1 on a connection: uvicorn's protocol, with a short way for requests that can be answered at once.

uvicorn makes a task, a scope and some messages for each request, which is most of what a short search costs over HTTP. Here a
request that may be short (``ElasticApp.place_of``) is only collected: method, URL, headers, body. When it is complete the
application either gives the whole answer there and then (``ElasticApp.answer_now``), or the request takes uvicorn's way from its
beginning, as if nothing had happened. Whatever is unusual takes that way from the start: HTTP/1.0, a connection that is to be
closed, ``Expect``, upgrades, a request behind another that is still being answered, a client that does not read.
"""

from typing import Any, Final

from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from query_api.elastic.wire.asgi import ElasticApp, Place
from query_api.elastic.wire.pace import QUICK_BODY_BYTES_MAX

URL_BYTES_MAX: Final = 512
_USUAL: Final = frozenset({b"POST", b"GET"})


def protocol_of(app: ElasticApp) -> type[HttpToolsProtocol]:
    """The protocol of a server whose short requests this application answers."""

    class Protocol(_ShortWay):
        dialect = app

    return Protocol


class _ShortWay(HttpToolsProtocol):
    dialect: ElasticApp
    _place: Place | None = None  # of the request that is being collected; None: it takes uvicorn's way
    _parts: list[bytes]
    _held: int

    # ------------------------------------------------------------------ what the parser says

    @override
    def on_message_begin(self) -> None:
        """A request begins: nothing is made for it yet."""
        self.url = b""
        self.headers = []
        self.expect_100_continue = False
        self._place = None

    @override
    def on_headers_complete(self) -> None:
        """Choose the way."""
        if self._is_usual():
            self._place = self.dialect.place_of(self.parser.get_method(), self.url)
        if self._place is None:
            self._begin_long_way()
        else:
            self._parts, self._held = [], 0

    @override
    def on_body(self, body: bytes) -> None:
        """Keep a part of a body that may be short."""
        if self._place is None:
            super().on_body(body)
            return
        self._parts.append(body)
        self._held += len(body)
        if self._held > QUICK_BODY_BYTES_MAX:
            self._place = None
            self._begin_long_way()
            super().on_body(b"".join(self._parts))

    @override
    def on_message_complete(self) -> None:
        """Answer now, or take uvicorn's way."""
        place, self._place = self._place, None
        if place is None:
            super().on_message_complete()
            return
        body = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        answer = self.dialect.answer_now(place, self.headers, body, id(self))
        if answer is None:
            self._begin_long_way()
            if body:
                super().on_body(body)
            super().on_message_complete()
            return
        status, head, data = answer
        self.transport.write(b"".join([STATUS_LINE[status], self._default_headers(), head, data]))
        self.server_state.total_requests += 1
        self._unset_keepalive_if_required()
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    # ------------------------------------------------------------------ helpers

    def _is_usual(self) -> bool:
        parser: Any = self.parser
        cycle: Any = self.cycle  # None before the first one
        return (
            (cycle is None or cycle.response_complete)
            and not self.pipeline
            and not self.expect_100_continue
            and len(self.url) <= URL_BYTES_MAX
            and parser.get_method() in _USUAL
            and parser.get_http_version() == "1.1"
            and parser.should_keep_alive()
            and not parser.should_upgrade()
            and not self.flow.write_paused
            and not self.transport.is_closing()
        )

    def _begin_long_way(self) -> None:
        """What uvicorn would have done up to here."""
        url, headers, expected = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expected
        self.headers.extend(headers)
        super().on_headers_complete()

    def _default_headers(self) -> bytes:
        return b"".join([name + b": " + value + b"\r\n" for name, value in self.server_state.default_headers])
