"""One trace from the request over the log to the partition, in spans, record headers and log lines."""

import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode, format_trace_id

from pipeline.telemetry.logs import JsonLines
from pipeline.telemetry.tracing import Tracer
from schemas.errors import unavailable
from schemas.ids import LogOffset, PartitionId, TopicName
from tests.integration.near_node import NearNode, near_node

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"
Traced = tuple[NearNode, InMemorySpanExporter]


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traced]:
    """A node that keeps its spans in memory, with an index of two partitions' worth of nothing."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    folder: Path = tmp_path_factory.mktemp("traced")
    with near_node(folder, Tracer(provider)) as node:
        yield node, exporter


def headers_of(node: NearNode, offset: int) -> dict[str, bytes]:
    """The headers of a record in the log of the index ``a``."""
    reader = node.running.node.log.reader(TopicName("a"), PartitionId(0), LogOffset(offset))
    try:
        batch = reader.read(records_max=1, bytes_max=1 << 20, timeout_s=5.0)
    finally:
        reader.close()
    return dict(batch.headers.get(0, ()))


def spans_of(exporter: InMemorySpanExporter, trace: str) -> dict[str, ReadableSpan]:
    """The spans of a trace by name."""
    return {s.name: s for s in exporter.get_finished_spans() if format_trace_id(s.context.trace_id) == trace}


async def test_a_write_is_one_trace_from_request_to_partition(traced: Traced) -> None:
    """The caller's trace id is in the record's header and in the span of the partition that applied it, below the request's."""
    node, exporter = traced
    written = await node.send("PUT", "/a/_doc/1?refresh=true", {"n": 1}, traceparent=PARENT)
    offset = int(written.headers["x-sediment-offsets"].partition(":")[2])
    header = headers_of(node, offset)["traceparent"].decode()
    assert header.split("-")[1] == TRACE
    spans = spans_of(exporter, TRACE)
    request, ingest, applied = (spans[n] for n in ("rest.request", "ingest.write", "materialise.apply"))
    assert request.attributes is not None
    assert (request.attributes["route"], request.attributes["status"]) == ("/{index}/_doc/{id}", 201)
    assert ingest.parent is not None
    assert ingest.parent.span_id == request.context.span_id
    assert applied.parent is not None
    assert f"{applied.parent.span_id:016x}" == header.split("-")[2] == f"{ingest.context.span_id:016x}"


async def test_a_write_without_a_caller_begins_a_trace(traced: Traced) -> None:
    """It is in the header too; a header that is not well-formed is not passed on."""
    node, exporter = traced
    for parent in ("", "nonsense", "00-0-0-00"):
        written = await node.send("PUT", "/a/_doc/2", {"n": 1}, traceparent=parent)
        header = headers_of(node, int(written.headers["x-sediment-offsets"].partition(":")[2]))["traceparent"].decode()
        assert "materialise.apply" in spans_of(exporter, header.split("-")[1])


async def test_a_search_is_one_trace_down_to_its_partitions(traced: Traced) -> None:
    """Request, fan-out and each partition, one within the other."""
    node, exporter = traced
    trace = TRACE[::-1]
    await node.send("POST", "/a/_search", {"query": {"match_all": {}}}, traceparent=PARENT.replace(TRACE, trace))
    spans = spans_of(exporter, trace)
    request, fanout, partition = (spans[n] for n in ("rest.request", "search.fanout", "search.partition"))
    assert fanout.parent is not None
    assert partition.parent is not None
    assert fanout.parent.span_id == request.context.span_id
    assert partition.parent.span_id == fanout.context.span_id
    assert partition.attributes is not None
    assert partition.attributes["index"] == "a"
    text = (await node.send("GET", "/metrics")).text
    assert 'sediment_documents{index="a",partition="0"} 2.0' in text, "up to date though nobody asked /health"
    assert 'sediment_search_requests_total{index="a",outcome="whole"}' in text


async def test_log_lines_carry_the_trace(traced: Traced, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is logged while a request is answered names its trace, as does its failed span."""
    node, exporter = traced
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    logger = logging.getLogger("query_api.elastic.wire.asgi")
    logger.addHandler(handler)

    def away(*_: object) -> None:
        raise unavailable("unavailable", "the partition is away")

    trace = "1" * 32
    monkeypatch.setattr(type(node.running.services.topology), "partitions", away)
    try:
        answer = await node.send("POST", "/a/_refresh", traceparent=PARENT.replace(TRACE, trace))
    finally:
        logger.removeHandler(handler)
    assert answer.status_code == 503
    line = json.loads(stream.getvalue().splitlines()[-1])
    assert (line["trace_id"], line["message"]) == (trace, "answered 503: the partition is away")
    assert spans_of(exporter, trace)["rest.request"].status.status_code is StatusCode.ERROR
