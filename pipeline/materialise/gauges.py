"""A partition's state as gauges."""

from collections.abc import Mapping

from pipeline.materialise.apply import Materialiser
from pipeline.materialise.waiting.pace import Pace
from pipeline.telemetry import names
from pipeline.telemetry.metrics import Metrics
from schemas.results import Freshness


def show(found: Freshness, machine: Materialiser, pace: Pace, metrics: Metrics, labels: Mapping[str, str]) -> None:
    """Set the gauges of a partition; ``labels``: index and partition."""
    segments = machine.segments
    lag = max(0, found.end - found.applied)
    for gauge, value in (
        (names.LAG, lag),
        (names.MATERIALISE_QUEUE_SECONDS, pace.seconds(lag)),
        (names.DOCUMENTS, found.documents),
        (names.SEGMENTS, found.segments),
        (names.SEGMENT_BYTES, found.bytes),
        (names.DOCUMENTS_DELETED, sum(s.dead for s in segments)),
        (names.BUFFER_BYTES, segments.unstored_bytes),
        (names.ID_INDEX_BYTES, machine.ids.nbytes),
    ):
        metrics.set(gauge, value, **labels)
