"""What a reader asks for, and what it gives."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from pipeline.segments.format import Array, Arrays
from pipeline.segments.reader import SegmentReader
from tests.pipeline.segments.documents import Document, segment_of

DOCS = [Document({"text": [b"one two"], "tag": [b"a"], "count": [1]}, source=b"%d" % row) for row in range(130)]


class Recording(Mapping[str, Array]):
    """Arrays that remember what was asked for, and give pieces of them."""

    def __init__(self, arrays: Arrays) -> None:
        self.arrays = arrays
        self.asked: list[str] = []
        self.pieces: list[tuple[str, int]] = []

    @override
    def __getitem__(self, name: str) -> Array:
        array = self.arrays[name]
        self.asked.append(name)
        return array.copy()

    @override
    def __iter__(self) -> Iterator[str]:
        return iter(self.arrays)

    @override
    def __len__(self) -> int:
        return len(self.arrays)

    def read_range(self, name: str, start: int, end: int) -> NDArray[np.uint8]:
        """A piece of one array."""
        self.pieces.append((name, end - start))
        return self.arrays[name][start:end]


def recorded() -> tuple[SegmentReader, Recording]:
    """A reader and its recording arrays."""
    data = segment_of(DOCS)
    arrays = Recording(data.arrays)
    return SegmentReader(data.meta, arrays), arrays


def test_only_what_is_needed_is_loaded() -> None:
    """Opening loads nothing; a column loads itself."""
    reader, arrays = recorded()
    assert reader.field("text") is not None
    assert arrays.asked == []
    reader.numbers("count")
    assert set(arrays.asked) == {"f0/values"}
    assert reader.numbers("missing") is None
    assert reader.terms("count") is None


def test_sources_are_read_block_by_block() -> None:
    """Documents of one block need that block's bytes only, once."""
    reader, arrays = recorded()
    assert reader.sources(np.array([70, 65, 70])) == [b"70", b"65", b"70"]
    assert [name for name, _ in arrays.pieces] == ["source/data"]
    assert "source/data" not in arrays.asked


def test_arrays_are_read_only() -> None:
    """Nothing a reader gives can be written to, wherever it comes from."""
    reader, _ = recorded()
    terms, postings, numbers = reader.terms("text"), reader.postings("text"), reader.numbers("count")
    given: list[Any] = [terms, postings, numbers, reader.ordinals("tag"), reader.ids()]
    for one in given:
        assert one is not None
        arrays = [getattr(one, name) for name in one.__slots__]
        assert not any(a.flags.writeable for a in arrays if isinstance(a, np.ndarray))
    for array in (reader.norms("text"), reader.present("text"), reader.seq_nos()):
        assert array is not None
        assert not array.flags.writeable


def test_norms_are_made_once() -> None:
    """The second call gives the same array."""
    reader, _ = recorded()
    assert reader.norms("text") is reader.norms("text")
    assert reader.norms("tag") is None
