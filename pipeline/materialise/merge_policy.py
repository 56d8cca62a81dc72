"""Which segments to merge next: pure, from sizes to a plan.

Levels, after Lucene's LogMergePolicy: a segment's level is the logarithm of its live documents to the base ``FAN_IN``.
From the oldest on, the stretch that ends with the last segment of the highest level is merged ``FAN_IN`` neighbours at a
time; what is smaller inside the stretch goes along. Only neighbours in age are merged, so that documents stay in log order
and a forced merge gives the same bytes whatever happened before.

A segment that is mostly dead rows is merged alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log
from typing import Final

FAN_IN: Final = 8
SMALLEST_DOCUMENTS: Final = 2_000
LEVEL_SPAN: Final = 0.75
MERGED_BYTES_MAX: Final = 1 << 30
DEAD_SHARE_MAX: Final = 0.4
EXPUNGED_SHARE_MIN: Final = 0.1  # index.merge.policy.expunge_deletes_allowed


@dataclass(frozen=True, slots=True)
class Size:
    """A stored segment as the policy sees it."""

    ordinal: int
    documents: int  # live ones
    dead: int
    nbytes: int


@dataclass(frozen=True, slots=True)
class Plan:
    """Segments to merge into one, in order of age."""

    ordinals: tuple[int, ...]


def level(documents: int) -> float:
    """The level of a segment: 0 up to SMALLEST_DOCUMENTS, then one more per factor of FAN_IN."""
    return max(0.0, log(max(1, documents) / SMALLEST_DOCUMENTS, FAN_IN))


def plan(segments: Sequence[Size]) -> Plan | None:
    """The next merge, the smallest first; None when there is nothing worth doing."""
    return _leveled(segments) or _mostly_dead(segments)


def plan_all(segments: Sequence[Size], segments_max: int) -> Plan | None:
    """A merge that brings the number of segments down to ``segments_max`` (forced); None when it is there already."""
    surplus = len(segments) - max(1, segments_max)
    if surplus <= 0:
        alone = len(segments) == 1 and segments[0].dead
        return Plan((segments[0].ordinal,)) if alone else None
    return Plan(tuple(s.ordinal for s in segments[-(surplus + 1) :]))


def plan_expunge(segments: Sequence[Size]) -> Plan | None:
    """A segment to be written again without its dead rows, if these are more than EXPUNGED_SHARE_MIN of it; the number of segments
    stays.
    """
    return _mostly_dead(segments, EXPUNGED_SHARE_MIN)


def _leveled(segments: Sequence[Size]) -> Plan | None:
    stretch: list[Size] = []
    for segment in segments:
        if segment.nbytes > MERGED_BYTES_MAX // 2:
            found = _in_stretch(stretch)
            if found is not None:
                return found
            stretch = []
        else:
            stretch.append(segment)
    return _in_stretch(stretch)


def _in_stretch(segments: Sequence[Size]) -> Plan | None:
    levels = [level(s.documents) for s in segments]
    start = 0
    while start < len(segments):
        bottom = max(levels[start:]) - LEVEL_SPAN
        upto = max(i for i in range(start, len(segments)) if levels[i] >= bottom)
        for first in range(start, upto + 2 - FAN_IN, FAN_IN):
            group = segments[first : first + FAN_IN]
            if sum(s.nbytes for s in group) <= MERGED_BYTES_MAX:
                return Plan(tuple(s.ordinal for s in group))
        start = upto + 1
    return None


def _mostly_dead(segments: Sequence[Size], share_max: float = DEAD_SHARE_MAX) -> Plan | None:
    for segment in segments:
        rows = segment.documents + segment.dead
        if rows and segment.dead / rows > share_max:
            return Plan((segment.ordinal,))
    return None


def small_stretches(segments: Sequence[Size], documents_max: int) -> list[tuple[int, ...]]:
    """Neighbours that are all small: what is worth compacting while it is in memory, by ordinals."""
    stretches: list[list[int]] = [[]]
    for segment in segments:
        if segment.documents + segment.dead <= documents_max:
            stretches[-1].append(segment.ordinal)
        else:
            stretches.append([])
    return [tuple(one) for one in stretches if len(one) > 1]
