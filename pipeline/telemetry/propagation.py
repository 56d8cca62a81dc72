"""Trace context through log record headers.

A write's trace goes on where the record is applied, minutes or a replay later. The header `traceparent`
carries it as W3C Trace Context (2021) writes it: 00-<trace id>-<parent span id>-<flags>, in ASCII.
"""

from collections.abc import Iterable, Mapping

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

HEADER = "traceparent"
_W3C = TraceContextTextMapPropagator()


def to_header() -> bytes | None:
    """The current span as a header's value; None if nothing is being traced."""
    carrier: dict[str, str] = {}
    _W3C.inject(carrier)
    value = carrier.get(HEADER)
    return value.encode("ascii") if value else None


def from_header(value: bytes | None) -> Context | None:
    """The context to start a span in; None for no header or one that is not well-formed."""
    if value is None or not value.isascii():
        return None
    context = _W3C.extract({HEADER: value.decode("ascii")}, Context())
    return context if trace.get_current_span(context).get_span_context().is_valid else None


def of_batch(headers: Mapping[int, Iterable[tuple[str, bytes]]]) -> bytes | None:
    """The first trace context among the records of a batch: the span of the batch goes on with it. None where there is none."""
    return next((value for row in sorted(headers) for name, value in headers[row] if name == HEADER), None)
