"""Compile the kernels of text analysis and of segments ahead of the first batch."""


def warm() -> None:
    """Build, read and merge a small segment of every kind of field."""
    import numpy as np

    from pipeline.analysis.registry import build_analyzer
    from pipeline.json_columns.columns import BytesValues, NumberValues, Values
    from pipeline.segments.build import build_segment
    from pipeline.segments.merge import merge_segments
    from pipeline.segments.reader import SegmentReader
    from schemas.ids import SegmentId
    from schemas.mapping import parse_mapping
    from schemas.records import ByteColumn

    mapping = parse_mapping({"properties": {"t": {"type": "text"}, "k": {"type": "keyword"}, "n": {"type": "long"}}})
    rows = np.arange(2, dtype=np.int32)
    words = ByteColumn.of([b"one two", "zwei drei Straße".encode()])
    columns: dict[str, Values] = {
        "t": BytesValues(rows, words),
        "k": BytesValues(rows, words),
        "n": NumberValues(rows, np.arange(2)),
    }
    numbers = np.arange(2, dtype=np.int64)
    data = build_segment(
        segment_id=SegmentId("warm"),
        schema_version=0,
        documents=2,
        columns=columns,
        mapping=mapping,
        ids=words,
        seq_nos=numbers,
        versions=numbers,
        offsets=numbers,
        timestamps=numbers,
        sources=words,
    )
    reader = SegmentReader(data.meta, data.arrays)
    terms, postings = reader.terms("t"), reader.postings("t")
    assert terms is not None
    assert postings is not None
    terms.lookup(b"one")
    terms.lookup_many(words)
    postings.positions(0)
    postings.mark(numbers, np.zeros(2, np.bool_))
    build_analyzer().analyze("one")
    inputs = [(reader, np.ones(2, np.bool_))]
    merge_segments(inputs, segment_id=SegmentId("warm"), schema_version=0, mapping=mapping)
