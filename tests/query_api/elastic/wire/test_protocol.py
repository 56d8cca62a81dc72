"""query_api.elastic.wire.protocol: the short way answers as the long one does, whatever comes in which pieces."""

import asyncio
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.telemetry import names
from query_api.app import build_app
from query_api.cli.background import serving
from query_api.elastic.wire import asgi, pace
from query_api.elastic.wire.pace import QUICK_BODY_BYTES_MAX
from tests.query_api.fakes import Client

SEARCH = b'{"query": {"match_all": {}}}'
TOOK = re.compile(rb'"took":\d+')
DATE = re.compile(rb"date: [^\r]*\r\n")


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[Client, int]]:
    """A node behind a real socket, with one document."""
    client = Client()
    with serving(build_app(client.services)) as url:
        port = int(url.rsplit(":", 1)[1])
        with connected(port) as connection:
            body = b'{"n":1}'
            connection.sendall(request(b"PUT /a/_doc/1?refresh=true", body))
            assert answers(connection, 1)[0].startswith(b"HTTP/1.1 201")
        yield client, port
    asyncio.run(client.close())


@contextmanager
def connected(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        yield connection


def request(start: bytes, body: bytes = b"", *headers: bytes, version: bytes = b"1.1") -> bytes:
    lines = [start + b" HTTP/" + version, b"Host: node", *headers]
    if body:
        lines += [b"Content-Type: application/json", b"Content-Length: %d" % len(body)]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def answers(connection: socket.socket, count: int) -> list[bytes]:
    """So many whole answers, without what the clock decides."""
    found: list[bytes] = []
    data = b""
    while len(found) < count:
        end = data.find(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", data[:end]) if end >= 0 else None
        if length is None or len(data) < end + 4 + int(length[1]):
            more = connection.recv(1 << 16)
            assert more, data
            data += more
            continue
        whole = end + 4 + int(length[1])
        found.append(DATE.sub(b"", TOOK.sub(b'"took":0', data[:whole])))
        data = data[whole:]
    assert not data
    return found


def asked(connection: socket.socket, data: bytes) -> bytes:
    """The answer to one request."""
    connection.sendall(data)
    return answers(connection, 1)[0]


def quick_answers(client: Client, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Notes what is answered at once from now on; however busy the machine is, what was seen once is short."""
    monkeypatch.setattr(pace, "QUICK_SECONDS_MAX", 60.0)
    monkeypatch.setattr(pace, "ALONE_SECONDS_MAX", 60.0)
    noted: list[bytes] = []
    plain = asgi.ElasticApp.answer_now

    def answer_now(
        self: asgi.ElasticApp, place: asgi.Place, headers: list[tuple[bytes, bytes]], body: bytes, asker: int
    ) -> object:
        answer = plain(self, place, headers, body, asker)
        if answer is not None:
            noted.append(body)
        return answer

    monkeypatch.setattr(asgi.ElasticApp, "answer_now", answer_now)
    return noted


def test_the_second_request_of_a_shape_takes_the_short_way(
    served: tuple[Client, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same bytes but for the clock, and both ways are counted."""
    client, port = served
    noted = quick_answers(client, monkeypatch)
    series = {"dialect": "elastic", "route": "/{index}/_search", "status": "2xx"}
    before = client.services.metrics.value(names.REST_REQUESTS, **series) or 0
    with connected(port) as connection:
        shown = []
        for word in (b"v", b"w", b"x"):
            body = b'{"query": {"match_all": {}}, "stored_fields": "%s"}' % word
            shown.append(asked(connection, request(b"POST /a/_search", body, b"X-Opaque-Id: mine")))
    assert len(noted) == 2
    assert shown[0] == shown[1] == shown[2]
    assert b"x-opaque-id: mine\r\n" in shown[1]
    assert client.services.metrics.value(names.REST_REQUESTS, **series) == before + 3


def test_errors_are_the_same_both_ways(served: tuple[Client, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing index, an unknown clause, JSON that is none: also where the shape is known to be short."""
    client, port = served
    noted = quick_answers(client, monkeypatch)
    with connected(port) as connection:
        for start, body, status in (
            (b"POST /missing/_search", SEARCH, b"404"),
            (b"POST /a/_search", b'{"query": {"nonsense": {}}}', b"400"),
            (b"POST /a/_search", b'{"query": ', b"400"),
            (b"GET /a/_doc/none", b"", b"404"),
        ):
            first, second = (asked(connection, request(start, body)) for _ in range(2))
            assert first == second
            assert first[9:12] == status, first
    assert len(noted) == 4


PIECES = [
    request(b"POST /a/_search", SEARCH),
    request(b"GET /a/_doc/1"),
    request(b"POST /a/_count", b"{}"),
    request(b"GET /"),
    request(b"POST /a/_search?size=0", b'{"aggs": {}, "track_total_hits": 7' + b" " * QUICK_BODY_BYTES_MAX + b"}"),
    request(b"POST /_refresh"),
    request(b"DELETE /a/_search"),
    b"POST /a/_search HTTP/1.1\r\nHost: node\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5\r\n" + SEARCH[:5] + b"\r\n%x\r\n" % (len(SEARCH) - 5) + SEARCH[5:] + b"\r\n0\r\n\r\n",
]


@settings(max_examples=25)
@given(st.lists(st.integers(0, len(PIECES) - 1), min_size=1, max_size=8), st.data())
def test_any_requests_in_any_pieces(served: tuple[Client, int], chosen: list[int], data: st.DataObject) -> None:
    """Pipelined, cut anywhere: each is answered, in order, as when it is alone."""
    _, port = served
    whole = b"".join(PIECES[number] for number in chosen)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=4)))
    with connected(port) as connection:
        for begin, end in zip([0, *cuts], [*cuts, len(whole)], strict=True):
            connection.sendall(whole[begin:end])
        together = answers(connection, len(chosen))
    with connected(port) as connection:
        alone = []
        for number in chosen:
            alone.append(asked(connection, PIECES[number]))
    assert [one.partition(b" ")[2][:3] for one in together] == [one.partition(b" ")[2][:3] for one in alone]


@pytest.mark.parametrize(
    ("headers", "version"), [((b"Connection: close",), b"1.1"), ((), b"1.0"), ((b"Expect: 100-continue",), b"1.1")]
)
def test_what_is_unusual_takes_the_long_way(
    served: tuple[Client, int], monkeypatch: pytest.MonkeyPatch, headers: tuple[bytes, ...], version: bytes
) -> None:
    """Connections that end and clients that ask first are served as ever."""
    client, port = served
    with connected(port) as connection:
        asked(connection, request(b"POST /a/_search", SEARCH))  # the shape is known now
        noted = quick_answers(client, monkeypatch)
        connection.sendall(request(b"POST /a/_search", SEARCH, *headers, version=version))
        data = b""
        while b'"_source":{"n":1}' not in data:
            more = connection.recv(1 << 16)
            assert more
            data += more
    assert not noted
    assert b"HTTP/1.1 200 OK" in data


def test_a_connection_goes_on_after_both_ways(served: tuple[Client, int]) -> None:
    """Short and long requests in turns on one connection, keep-alive in between."""
    _, port = served
    with connected(port) as connection:
        for number in range(6):
            found = asked(connection, request(b"POST /a/_search", SEARCH)).partition(b"\r\n\r\n")[2]
            assert orjson.loads(found)["hits"]["total"]["value"] == 1
            assert asked(connection, request(b"PUT /c/_doc/%d" % number, b"{}")).startswith(b"HTTP/1.1 201")
