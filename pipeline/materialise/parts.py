"""What a partition's worker is made of."""

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field

from pipeline.log.ports import Log
from pipeline.materialise.apply import Horizons, Schema
from pipeline.materialise.commit import Probe
from pipeline.materialise.state import Policy
from pipeline.segments.chunks.damage import Damage
from pipeline.segments.manifest import Identity
from pipeline.segments.store import SegmentStore
from pipeline.telemetry.metrics import Metrics
from pipeline.telemetry.tracing import Tracer
from schemas.ids import IndexName

BATCH_RECORDS = 5_000  # where nobody is in a hurry: it takes about 60 ms of processor time


@dataclass(frozen=True, slots=True)
class WorkerParts:
    """All but the store and the identity are shared by the partitions of a process.

    ``close_store`` closes the store now; ``leave_store`` once nobody reads from it any more, and calls back then.
    """

    index: IndexName
    identity: Identity
    store: SegmentStore
    close_store: Callable[[], None]
    log: Log
    schema: Schema
    policy: Policy
    metrics: Metrics
    tracer: Tracer
    committer: Executor
    merger: Executor
    clock_ms: Callable[[], int]  # monotonic
    leave_store: Callable[[Callable[[], None]], None] = lambda gone: gone()
    probe: Probe = lambda _name: None
    horizons: Horizons = field(default_factory=Horizons)
    batch_records: int = BATCH_RECORDS
    damage: Damage = field(default_factory=Damage)
