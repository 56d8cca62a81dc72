"""Compare two partitions at one offset: digests, then buckets, then documents."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.log.ports import Skipped
from pipeline.segments import digest
from pipeline.segments.view import PartitionView

U64 = NDArray[np.uint64]
DOCUMENTS_MAX: Final = 100
LOST_SHOWN: Final = 5
Row = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Difference:
    """A document that two partitions hold differently; None: not there. (sequence number, version, offset, content hash)"""

    id: str
    live: Row | None
    rebuilt: Row | None


def compare(live: PartitionView, rebuilt: PartitionView, *, deep: bool, lost: Sequence[Skipped] = ()) -> dict[str, Any]:
    """A report: ``equal``, both digests, the buckets and (the first DOCUMENTS_MAX) documents that differ, and how many of them for which
    reason. ``lost``: what is missing in the log that the other one was rebuilt from.
    """
    assert live.visible == rebuilt.visible, "partitions are compared at one offset"
    one, other = (digest.level_1(_segments(view)) for view in (live, rebuilt))
    level = 1
    if deep and not digest.differing_buckets(one, other):
        level = 2
        one, other = (digest.level_2(_segments(view)) for view in (live, rebuilt))
    buckets = digest.differing_buckets(one, other)
    differences = differing_documents(live, rebuilt, buckets, deep=level > 1) if buckets else []
    return {
        "equal": not buckets,
        "level": level,
        "offset": int(live.visible),
        "documents": {"live": live.documents, "rebuilt": rebuilt.documents},
        "digest": {"live": digest.text_of(one), "rebuilt": digest.text_of(other)},
        "buckets": buckets,
        "differences": [_shown(d) for d in differences[:DOCUMENTS_MAX]],
        "differences_total": len(differences),
        "reasons": reasons_of(differences, lost),
        "log_lost": [
            {"first": one.first_offset, "next": one.next_offset, "file": one.file, "reason": one.reason} for one in lost
        ],
    }


def reasons_of(differences: Sequence[Difference], lost: Sequence[Skipped]) -> dict[str, int]:
    """How many documents differ for which reason.

    ``log``: the record that wrote (or deleted) them is missing in the log; ``numbers``: only sequence number or version differ, as
    they do for all that follows a missing record; ``index``: nothing in the log explains it.
    """
    found = {"log": 0, "numbers": 0, "index": 0}
    for one in differences:
        found[_reason(one, lost)] += 1
    return found


def _reason(one: Difference, lost: Sequence[Skipped]) -> str:
    live, rebuilt = one.live, one.rebuilt
    if live is not None and any(gap.first_offset <= live[2] < gap.next_offset for gap in lost):
        return "log"
    if live is None and rebuilt is not None and any(gap.next_offset > rebuilt[2] for gap in lost):
        return "log"  # a later record deleted it, and there is none in the log
    same = live is not None and rebuilt is not None and live[2:] == rebuilt[2:]
    return "numbers" if lost and same else "index"


def lost_text(lost: Sequence[Skipped]) -> str:
    """What is missing in a partition's log, in words."""
    shown = ", ".join(
        f"{one.first_offset} to {one.next_offset - 1} ({one.file}: {one.reason})" for one in lost[:LOST_SHOWN]
    )
    more = f" and {len(lost) - LOST_SHOWN} stretches more" if len(lost) > LOST_SHOWN else ""
    return f"the log of [{lost[0].topic}] partition {lost[0].partition} has lost offsets {shown}{more}"


def differing_documents(
    live: PartitionView, rebuilt: PartitionView, buckets: Sequence[int], *, deep: bool
) -> list[Difference]:
    """The documents in these buckets that are not the same on both sides, by id."""
    one, other = (_rows(view, buckets, deep=deep) for view in (live, rebuilt))
    names = sorted(i for i in one.keys() | other.keys() if one.get(i) != other.get(i))
    return [Difference(i.decode(errors="replace"), one.get(i), other.get(i)) for i in names]


def _segments(view: PartitionView) -> list[tuple[Any, Any]]:
    return [(s.reader, s.alive) for s in view.segments]


def _rows(view: PartitionView, buckets: Sequence[int], *, deep: bool) -> Mapping[bytes, Row]:
    found: dict[bytes, Row] = {}
    for segment in view.segments:
        reader = segment.reader
        in_bucket = np.isin(digest.id_hashes(reader.ids()) % np.uint64(digest.BUCKETS), np.array(buckets, np.uint64))
        rows = np.flatnonzero(segment.alive & in_bucket)
        contents = digest.content_hashes(reader, segment.alive) if deep else reader.source_hashes()
        ids = reader.ids()
        for row in rows.tolist():
            content = int(contents[row, 0]) ^ int(contents[row, 1])
            where = int(reader.seq_nos()[row]), int(reader.versions()[row]), int(reader.offsets()[row])
            found[ids[row] or b""] = (*where, content)
    return found


def _shown(one: Difference) -> dict[str, Any]:
    def side(row: Row | None) -> dict[str, Any] | None:
        names = ("seq_no", "version", "offset", "content")
        return None if row is None else dict(zip(names, (*row[:3], f"{row[3]:016x}"), strict=True))

    return {"id": one.id, "live": side(one.live), "rebuilt": side(one.rebuilt)}
