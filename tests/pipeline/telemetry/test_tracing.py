"""Spans say what happened, within whose trace, and reach a collector."""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode, format_trace_id
from typing_extensions import override

from pipeline.telemetry import names, propagation
from pipeline.telemetry.tracing import Tracer

HEADER = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def memory() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def tracer(memory: InMemorySpanExporter) -> Tracer:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    return Tracer(provider)


def test_spans_nest(tracer: Tracer, memory: InMemorySpanExporter) -> None:
    """An inner span is a child of the outer one."""
    with tracer.span(names.SPAN_SEARCH, index="a"), tracer.span(names.SPAN_PARTITION, partition=0):
        pass
    inner, outer = memory.get_finished_spans()
    assert (inner.name, outer.name) == ("search.partition", "search.fanout")
    assert inner.parent is not None
    assert outer.context is not None
    assert inner.parent.span_id == outer.context.span_id
    assert dict(outer.attributes or {}) == {"index": "a"}


def test_a_record_header_is_a_parent(tracer: Tracer, memory: InMemorySpanExporter) -> None:
    """Applying a record belongs to the trace of the request that wrote it."""
    with tracer.span(names.SPAN_APPLY, parent=HEADER):
        pass
    (span,) = memory.get_finished_spans()
    assert span.context is not None
    assert format_trace_id(span.context.trace_id) == "0af7651916cd43dd8448eb211c80319c"


def test_a_failure_is_marked_without_its_text(tracer: Tracer, memory: InMemorySpanExporter) -> None:
    """Error texts may hold documents; the kind is enough."""
    with pytest.raises(KeyError), tracer.span(names.SPAN_MERGE):
        raise KeyError("secret")
    (span,) = memory.get_finished_spans()
    assert span.status.status_code is StatusCode.ERROR
    assert "secret" not in span.to_json()


def test_off_records_nothing_and_passes_the_context_on() -> None:
    """A node without a collector does not cut other people's traces."""
    tracer = Tracer.off()
    with tracer.span(names.SPAN_APPLY, parent=HEADER):
        assert propagation.to_header() == HEADER
    with tracer.span(names.SPAN_APPLY):
        assert propagation.to_header() is None
    tracer.close()


def test_attributes_outside_the_table_are_refused(tracer: Tracer) -> None:
    """No free attributes: they would carry what the table promises not to."""
    with (
        pytest.raises(AssertionError, match="index"),
        tracer.span(names.SPAN_SEARCH, query="secret"),
    ):
        pass


def test_spans_reach_a_collector() -> None:
    """Over OTLP/HTTP, to the collector's usual path, when the tracer is closed at the latest."""
    received: list[tuple[str, bytes]] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            received.append((self.path, body))
            self.send_response(200)
            self.end_headers()

        @override
        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Collector)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        endpoint = f"http://127.0.0.1:{server.server_port}/"
        tracer = Tracer.exporting(endpoint=endpoint, service="api", sampled_ratio=1.0)
        with tracer.span(names.SPAN_REST, dialect="elastic"):
            pass
        tracer.close()
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    ((path, body),) = received
    assert path == "/v1/traces"
    resource = ExportTraceServiceRequest.FromString(body).resource_spans[0]
    assert resource.scope_spans[0].spans[0].name == "rest.request"
    assert "api" in {a.value.string_value for a in resource.resource.attributes}
