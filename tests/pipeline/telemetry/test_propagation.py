"""A trace context survives a record header; a malformed header is no context."""

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from pipeline.telemetry import propagation

HEADER = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_no_span_no_header() -> None:
    """Nothing is written where nothing is traced."""
    assert propagation.to_header() is None


def test_there_and_back() -> None:
    """The header names the span that was current."""
    provider = TracerProvider(shutdown_on_exit=False)
    with provider.get_tracer("t").start_as_current_span("a") as span:
        header = propagation.to_header()
    back = trace.get_current_span(propagation.from_header(header)).get_span_context()
    assert (back.trace_id, back.span_id) == (
        span.get_span_context().trace_id,
        span.get_span_context().span_id,
    )
    assert back.is_remote


def test_known_header() -> None:
    """The example of the specification."""
    context = trace.get_current_span(propagation.from_header(HEADER)).get_span_context()
    assert trace.format_trace_id(context.trace_id) == "0af7651916cd43dd8448eb211c80319c"
    assert context.trace_flags.sampled


@pytest.mark.parametrize(
    "header",
    [
        None,
        b"",
        b"nonsense",
        b"\xff\xfe",
        b"ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        b"00-00000000000000000000000000000000-b7ad6b7169203331-01",
        b"00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        HEADER[:-3],
    ],
)
def test_malformed_headers_are_ignored(header: bytes | None) -> None:
    """Whatever a foreign producer writes, the record is applied."""
    assert propagation.from_header(header) is None


def test_a_batch_goes_on_with_its_first_trace() -> None:
    """Of the records that carry one; None where none does."""
    headers = {
        7: ((propagation.HEADER, b"later"),),
        2: (("op", b"create"), (propagation.HEADER, b"first")),
        1: (("op", b"update"),),
    }
    assert propagation.of_batch(headers) == b"first"
    assert propagation.of_batch({1: (("op", b"update"),)}) is None
