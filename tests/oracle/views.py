"""Views of segments built in this process, for tests of what reads them."""

from collections.abc import Sequence

import numpy as np

from pipeline.json_columns.extract import extract
from pipeline.json_columns.scanner import Scanner
from pipeline.segments.build import build_segment
from pipeline.segments.reader import SegmentReader
from pipeline.segments.view import PartitionView, SegmentView
from schemas.ids import IndexName, LogOffset, PartitionId, SegmentId, TopicName
from schemas.mapping import IndexMapping
from schemas.records import ByteColumn

Row = tuple[int, str, bytes]  # offset, id, source


def build_reader(mapping: IndexMapping, rows: Sequence[Row], name: str) -> SegmentReader:
    """A segment of these rows; offset o has seq_no o, version 1 and timestamp 1000 o."""
    sources = ByteColumn.of([source for _, _, source in rows])
    extracted = extract(Scanner().scan(sources), mapping)
    assert not extracted.rejects, extracted.rejects
    offsets = np.array([offset for offset, _, _ in rows], np.int64)
    data = build_segment(
        segment_id=SegmentId(name),
        schema_version=1,
        documents=len(rows),
        columns=extracted.columns,
        mapping=mapping,
        ids=ByteColumn.of([i.encode() for _, i, _ in rows]),
        seq_nos=offsets.copy(),
        versions=np.ones(len(rows), np.int64),
        offsets=offsets,
        timestamps=1000 * offsets,
        sources=sources,
    )
    return SegmentReader(data.meta, data.arrays)


def build_view(
    mapping: IndexMapping, segments: Sequence[Sequence[Row]], dead: frozenset[int] = frozenset(), partition: int = 0
) -> PartitionView:
    """A view of segments of these rows; rows whose offset is in ``dead`` are dead."""
    views = []
    for number, rows in enumerate(segments):
        alive = np.array([offset not in dead for offset, _, _ in rows], np.bool_)
        reader = build_reader(mapping, rows, f"{partition}-{number}")
        views.append(SegmentView(reader, alive, int((~alive).sum()), int((~alive).sum())))
    end = max((offset + 1 for rows in segments for offset, _, _ in rows), default=0)
    return PartitionView(
        IndexName("test"), TopicName("test"), PartitionId(partition), LogOffset(end), 1, mapping, views
    )
