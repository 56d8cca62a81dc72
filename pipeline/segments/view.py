"""A point in time of one partition: what a search sees, unchanged while it looks.

The worker publishes a new view at each refresh; arrays in a view are never written again.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.segments.reader import SegmentReader
from schemas.ids import IndexName, LogOffset, PartitionId, TopicName
from schemas.mapping import IndexMapping


@dataclass(frozen=True, slots=True)
class SegmentView:
    """A segment and which of its rows are alive. ``deletes`` grows with every change of ``alive`` (a cache key)."""

    reader: SegmentReader
    alive: NDArray[np.bool_]  # bool[documents]
    dead: int
    deletes: int


@dataclass(frozen=True, slots=True)
class PartitionView:
    """One partition at one visible offset."""

    index: IndexName
    topic: TopicName
    partition: PartitionId
    visible: LogOffset  # records below this offset are in the view
    schema_version: int
    mapping: IndexMapping
    segments: Sequence[SegmentView]
    digest: NDArray[np.uint64] | None = None  # level 1, as it was kept; None where it is not (dead letters, tests)

    @property
    def documents(self) -> int:
        """Live documents."""
        return sum(s.reader.meta.documents - s.dead for s in self.segments)
