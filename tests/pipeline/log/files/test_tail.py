"""The tail cache: the newest batches, within its bytes."""

from pipeline.log.files.tail import TailBudget, TailCache
from schemas.records import RecordBatch
from tests.pipeline.log.test_batches import batch_of


def offsets(found: object) -> list[int]:
    """The offsets of all batches found."""
    assert isinstance(found, list | tuple)
    return [o for batch in found for o in batch.offsets.tolist()]


def test_an_offset_finds_its_batch_and_what_follows() -> None:
    """Also one in the midst of a batch, or in a gap."""
    tail = TailCache(TailBudget(1 << 20))
    for first, count, gap in ((10, 2, 0), (12, 3, 5), (20, 1, 0)):
        tail.add(batch_of(first, [1] * count, gap), 100)
    assert offsets(tail.from_offset(9)) == []
    assert offsets(tail.from_offset(11)) == [10, 11, 12, 13, 14, 20]
    assert offsets(tail.from_offset(17)) == [12, 13, 14, 20]
    assert offsets(tail.from_offset(20)) == [20]
    assert offsets(tail.from_offset(21)) == []


def test_the_oldest_give_way() -> None:
    """Never more bytes than allowed, even for one batch that is too large."""
    tail = TailCache(TailBudget(1000))
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
    none: list[RecordBatch] = list(TailCache(TailBudget(10)).from_offset(0))
    assert none == []
    tail = TailCache(TailBudget(0))
    tail.add(batch_of(0, [1]), 10)
    assert list(tail.from_offset(0)) == []


def test_ten_partitions_share_one_budget() -> None:
    """Together never more than allowed; who was written to last has the room, whoever had it before."""
    budget = TailBudget(1000)
    tails = [TailCache(budget) for _ in range(10)]
    for i in range(200):
        tails[i % 10].add(batch_of(i // 10, [1]), 90)
        assert budget.bytes <= 1000
    for i in range(20, 40):
        tails[3].add(batch_of(i, [1]), 90)
        assert budget.bytes <= 1000
    assert offsets(tails[3].from_offset(35)) == list(range(35, 40))
    assert all(not tail.from_offset(19) for tail in tails)


def test_a_partition_that_is_closed_gives_its_room_back() -> None:
    """Nothing of it counts any more, and others go on."""
    budget = TailBudget(1000)
    gone, other = TailCache(budget), TailCache(budget)
    gone.add(batch_of(0, [1]), 600)
    other.add(batch_of(0, [1]), 100)
    gone.clear()
    assert budget.bytes == 100
    assert not gone.from_offset(0)
    assert offsets(other.from_offset(0)) == [0]
