"""The tail cache: the newest batches, within its bytes."""

from pipeline.log.files.tail import TailCache
from schemas.records import RecordBatch
from tests.pipeline.log.test_batches import batch_of


def offsets(found: object) -> list[int]:
    """The offsets of all batches found."""
    assert isinstance(found, list | tuple)
    return [o for batch in found for o in batch.offsets.tolist()]


def test_an_offset_finds_its_batch_and_what_follows() -> None:
    """Also one in the midst of a batch, or in a gap."""
    tail = TailCache(1 << 20)
    for first, count, gap in ((10, 2, 0), (12, 3, 5), (20, 1, 0)):
        tail.add(batch_of(first, [1] * count, gap), 100)
    assert offsets(tail.from_offset(9)) == []
    assert offsets(tail.from_offset(11)) == [10, 11, 12, 13, 14, 20]
    assert offsets(tail.from_offset(17)) == [12, 13, 14, 20]
    assert offsets(tail.from_offset(20)) == [20]
    assert offsets(tail.from_offset(21)) == []


def test_the_oldest_give_way() -> None:
    """Never more bytes than allowed, even for one batch that is too large."""
    tail = TailCache(1000)
    for i in range(100):
        tail.add(batch_of(i, [1]), 90)
    kept = offsets(tail.from_offset(95))
    assert kept == list(range(95, 100))
    assert offsets(tail.from_offset(80)) == []
    tail.add(batch_of(100, [1]), 5000)
    assert offsets(tail.from_offset(100)) == []
    tail.add(batch_of(101, [1]), 100)
    assert offsets(tail.from_offset(101)) == [101]
    assert offsets(tail.from_offset(100)) == []


def test_an_empty_cache_has_nothing() -> None:
    """Before the first append, and with no bytes allowed."""
    none: list[RecordBatch] = list(TailCache(10).from_offset(0))
    assert none == []
    tail = TailCache(0)
    tail.add(batch_of(0, [1]), 10)
    assert list(tail.from_offset(0)) == []
