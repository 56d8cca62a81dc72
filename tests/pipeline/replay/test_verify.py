"""Two partitions at one offset: equal, or the buckets and documents that differ are named."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from pipeline.log.ports import Skipped
from pipeline.replay.verify import DOCUMENTS_MAX, compare, lost_text
from pipeline.segments.reader import SegmentReader
from pipeline.segments.view import PartitionView, SegmentView
from tests.pipeline.materialise.model import Record, new_catalog
from tests.pipeline.materialise.simulation import PARTITION, TOPIC, FoldedCatalog, Partition, SimulatedLog

PROPERTIES = {"s": {"type": "text"}, "n": {"type": "long"}}


def view_of(records: list[Record], step: int = 1 << 30) -> PartitionView:
    """What a log comes to, read ``step`` records at a time."""
    log = SimulatedLog()
    log.put(records)
    partition = Partition(log, FoldedCatalog(new_catalog(PROPERTIES, {})))
    while partition.worker.machine.applied < len(records):
        partition.step(step)
    partition.worker.refresh()
    return partition.worker.view


def books(count: int = 40) -> list[Record]:
    """Documents with a text and a number."""
    return [Record(b"id-%d" % n, b'{"s":"some word %d","n":%d}' % (n % 7, n)) for n in range(count)]


def changed(view: PartitionView, name: str, change: Callable[[Any], Any]) -> PartitionView:
    """The same view with one array of its first segment changed."""
    first, *rest = view.segments
    arrays = {**first.reader.arrays, name: change(first.reader.arrays[name].copy())}
    reader = SegmentReader(first.reader.meta, arrays)
    return replace(view, segments=(SegmentView(reader, first.alive, first.dead, first.deletes), *rest))


def test_equal_however_it_was_applied() -> None:
    """Level 1, and level 2 where it is asked for."""
    one, other = view_of(books()), view_of(books(), 3)
    assert len(one.segments) != len(other.segments)
    for deep in (False, True):
        report = compare(one, other, deep=deep)
        assert report["equal"]
        assert report["level"] == 1 + deep
        assert report["digest"]["live"] == report["digest"]["rebuilt"]
        assert (report["buckets"], report["differences"], report["offset"]) == ([], [], 40)


def gap(first: int, following: int) -> Skipped:
    """Damage of a log."""
    return Skipped(TOPIC, PARTITION, "0000.log", 100, 200, first, following, "the checksum is wrong")


def test_what_a_log_has_lost_explains_a_difference() -> None:
    """Documents that were written there, or deleted; those that follow have other numbers; what is left is the index's fault."""
    whole = [*books(10), Record(b"id-1", None), Record(b"id-2", b'{"n":99}')]
    live = view_of(whole)
    lost = [10, 4]  # the deletion, and a document
    rebuilt = view_of([r for o, r in enumerate(whole) if o not in lost])
    offsets = [o for o in range(len(whole)) if o not in lost]
    rebuilt = changed(rebuilt, "offset", lambda _: np.array(offsets, np.int64)[-rebuilt.segments[0].reader.documents :])
    report = compare(replace(live, visible=rebuilt.visible), rebuilt, deep=False, lost=[gap(4, 5), gap(10, 11)])
    assert report["reasons"] == {"log": 2, "numbers": 6, "index": 0}, report
    assert report["log_lost"][0] == {"first": 4, "next": 5, "file": "0000.log", "reason": "the checksum is wrong"}
    unexplained = compare(replace(live, visible=rebuilt.visible), rebuilt, deep=False)
    assert unexplained["reasons"] == {"log": 0, "numbers": 0, "index": 8}
    assert lost_text([gap(4, 5), gap(10, 11)]) == (
        "the log of [books] partition 0 has lost offsets 4 to 4 (0000.log: the checksum is wrong), "
        "10 to 10 (0000.log: the checksum is wrong)"
    )
    assert lost_text([gap(n, n + 1) for n in range(7)]).endswith(" and 2 stretches more")


def differing(live: PartitionView, rebuilt: PartitionView, *, deep: bool = False) -> dict[str, Any]:
    """The report of two that differ."""
    report = compare(live, rebuilt, deep=deep)
    assert not report["equal"]
    assert report["digest"]["live"] != report["digest"]["rebuilt"]
    assert report["buckets"]
    return report


def test_a_missing_document_is_named() -> None:
    """On the side that does not have it."""
    whole = view_of(books())
    alive = whole.segments[0].alive.copy()
    alive[5] = False
    lost = replace(whole, segments=(replace(whole.segments[0], alive=alive, dead=1),))
    report = differing(lost, whole)
    (one,) = report["differences"]
    assert (one["id"], one["live"], one["rebuilt"]["offset"]) == ("id-5", None, 5)
    assert report["documents"] == {"live": 39, "rebuilt": 40}


def test_another_source_is_named() -> None:
    """Found by the hash that is kept of it."""
    records = books()
    records[7] = Record(records[7].key, b'{"s":"forged","n":7}')
    (one,) = differing(view_of(records), view_of(books()))["differences"]
    assert one["id"] == "id-7"
    assert one["live"]["content"] != one["rebuilt"]["content"]
    assert one["live"]["version"] == one["rebuilt"]["version"]


def test_another_version_is_named() -> None:
    """With both."""
    one = view_of(books())
    other = changed(one, "version", lambda a: np.where(np.arange(len(a)) == 3, a + 1, a))
    (found,) = differing(one, other)["differences"]
    assert (found["id"], found["live"]["version"], found["rebuilt"]["version"]) == ("id-3", 1, 2)


def test_what_only_a_deep_look_finds() -> None:
    """A posting, a column or a stored source that says something else than the document does."""
    one = view_of(books())

    def other_number(array: Any) -> Any:
        array[11] += 1
        return array

    other = changed(one, "f0/values", other_number)
    assert compare(one, other, deep=False)["equal"]
    report = differing(one, other, deep=True)
    assert report["level"] == 2
    assert [d["id"] for d in report["differences"]] == ["id-11"]


def test_a_changed_posting_is_found() -> None:
    """Bytes of postings that decode to other documents or positions."""
    one = view_of(books())

    def flip(array: Any) -> Any:
        array[0] ^= 1
        return array

    other = changed(one, "f1/postings", flip)
    assert compare(one, other, deep=False)["equal"]
    assert differing(one, other, deep=True)["differences_total"] >= 1


def test_many_differences_are_cut() -> None:
    """All are counted, the first are shown."""
    count = 2 * DOCUMENTS_MAX
    report = differing(view_of(books(count)), view_of([replace(r, value=b"{}") for r in books(count)]))
    assert report["differences_total"] == count
    assert len(report["differences"]) == DOCUMENTS_MAX
