"""Spans around use cases.

A `Tracer` is made in a composition root and passed down: `Tracer.off()` unless an endpoint is set. It
never touches OpenTelemetry's global provider. Code inside a span need not know of it: logs and record
headers take the current span from the context.
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Self

from opentelemetry import trace
from opentelemetry.trace import Status, StatusCode

from pipeline.telemetry import names, propagation

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

SCOPE = "sediment"
_NOTHING = nullcontext(trace.INVALID_SPAN)
AttributeValue = str | int | float | bool


class Tracer:
    """Starts spans of the table; ends them with what happened."""

    def __init__(self, provider: "TracerProvider | None") -> None:
        self._provider = provider
        source = provider or trace.NoOpTracerProvider()
        self._tracer = source.get_tracer(SCOPE)

    @classmethod
    def off(cls) -> Self:
        """Records nothing, passes an incoming trace context on."""
        return cls(None)

    @classmethod
    def exporting(cls, *, endpoint: str, service: str, sampled_ratio: float) -> Self:
        """Send spans to an OTLP collector over HTTP, in the background, in batches.

        `endpoint` is the collector's base URL, for example http://collector:4318. Of traces that begin
        here, `sampled_ratio` are recorded; of others, those whose caller records them.
        """
        assert 0.0 <= sampled_ratio <= 1.0
        # the exporter costs a quarter of a second to import, and is seldom on
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415
            OTLPSpanExporter,
        )
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
        from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio  # noqa: PLC0415

        provider = TracerProvider(
            resource=Resource.create({"service.name": service}),
            sampler=ParentBasedTraceIdRatio(sampled_ratio),
            shutdown_on_exit=False,
        )
        exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces")
        provider.add_span_processor(BatchSpanProcessor(exporter))
        return cls(provider)

    def span(
        self, span: names.Span, parent: bytes | None = None, **attributes: AttributeValue
    ) -> AbstractContextManager[trace.Span]:
        """Trace the block, within the current span or the one a record's header names.

        An exception marks the span as failed, with its kind and not its text, and goes on.
        """
        assert attributes.keys() <= set(span.attributes), f"{span.name} has {span.attributes}"
        if self._provider is None and parent is None:
            return _NOTHING  # the context stays as it is, and a search does without a fifth of its Python
        return self._span(span, parent, attributes)

    @contextmanager
    def _span(
        self, span: names.Span, parent: bytes | None, attributes: Mapping[str, AttributeValue]
    ) -> Iterator[trace.Span]:
        with self._tracer.start_as_current_span(
            span.name,
            context=propagation.from_header(parent),
            attributes=attributes,
            record_exception=False,
            set_status_on_exception=False,
        ) as started:
            try:
                yield started
            except BaseException as error:
                started.set_status(Status(StatusCode.ERROR, type(error).__name__))
                raise

    def close(self) -> None:
        """Send what is left; afterwards spans are dropped."""
        if self._provider is not None:
            self._provider.shutdown()


def failed(span: trace.Span, kind: str) -> None:
    """Mark a span as failed where the error is answered rather than raised."""
    span.set_status(Status(StatusCode.ERROR, kind))
