"""Compare two partitions at one offset: digests, then buckets, then documents."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.segments import digest
from pipeline.segments.view import PartitionView

U64 = NDArray[np.uint64]
DOCUMENTS_MAX: Final = 100
Row = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Difference:
    """A document that two partitions hold differently; None: not there. (sequence number, version, offset, content hash)"""

    id: str
    live: Row | None
    rebuilt: Row | None


def compare(live: PartitionView, rebuilt: PartitionView, *, deep: bool) -> dict[str, Any]:
    """A report: ``equal``, both digests, the buckets and (the first DOCUMENTS_MAX) documents that differ."""
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
    }


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
