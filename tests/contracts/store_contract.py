"""What every adapter of the store port must do: one suite, subclassed once per adapter."""

import threading
from typing import Any

import pytest

from pipeline.rocks.ports import Store, WriteBatch, prefix_end
from schemas.errors import ErrorKind, SedimentError
from schemas.limits import WRITE_BATCH_BYTES_MAX


class StoreContract:
    """Subclasses say how to open the store of a place, again and again."""

    def open(self, place: Any) -> Store:
        raise NotImplementedError

    @pytest.fixture
    def place(self, tmp_path: Any) -> Any:
        raise NotImplementedError

    def test_values_come_back(self, place: Any) -> None:
        """Empty, small and large values are read as written; unknown keys are None."""
        store = self.open(place)
        values = {b"a": b"", b"b": b"1", b"\x00\xff": bytes(range(256)) * 4096}
        store.write(WriteBatch(puts=list(values.items())))
        assert {k: store.get(k) for k in values} == values
        assert store.get(b"c") is None
        assert store.get_many([b"b", b"c", b"a", b"b"]) == [b"1", None, b"", b"1"]
        assert store.get_many([]) == []
        store.close()

    def test_a_batch_has_an_order(self, place: Any) -> None:
        """Ranges go first, then deletes, then puts: what a batch puts is there after it."""
        store = self.open(place)
        store.write(WriteBatch(puts=[(b"k%d" % i, b"old") for i in range(6)]))
        store.write(
            WriteBatch(puts=[(b"k2", b"new"), (b"k5", b"new")], deletes=[b"k5", b"k0"], ranges=[(b"k1", b"k4")])
        )
        assert dict(store.scan(b"k")) == {b"k2": b"new", b"k4": b"old", b"k5": b"new"}
        store.close()

    def test_scan_is_ordered_and_bounded(self, place: Any) -> None:
        """A scan gives exactly the keys with the prefix, ascending, as of its first step."""
        store = self.open(place)
        keys = [b"a", b"b", b"b\x00", b"b\xff", b"b\xff\xff", b"c"]
        store.write(WriteBatch(puts=[(k, k) for k in reversed(keys)]))
        assert list(store.scan(b"b")) == [(k, k) for k in keys[1:-1]]
        assert list(store.scan(b"b\xff")) == [(k, k) for k in keys[3:-1]]
        assert list(store.scan(b"x")) == []
        scan = store.scan(b"b")
        next(scan)
        store.write(WriteBatch(ranges=[(b"a", b"d")]))
        assert len(list(scan)) == 3
        assert list(store.scan(b"b")) == []
        store.close()

    def test_next_key_skips(self, place: Any) -> None:
        """The first key in a range, with which groups of keys are stepped over."""
        store = self.open(place)
        store.write(WriteBatch(puts=[(b"g%d/%d" % (g, i), b"x" * 9000) for g in range(3) for i in range(3)]))
        groups, at = [], b"g"
        while (key := store.next_key(at, b"h")) is not None:
            groups.append(key[:3])
            at = prefix_end(key[:3])
        assert groups == [b"g0/", b"g1/", b"g2/"]
        assert store.next_key(b"g3", b"g3") is None
        store.close()

    def test_closing_keeps_everything(self, place: Any) -> None:
        """What was written before a close is there after it, also where a scan was left open."""
        store = self.open(place)
        store.write(WriteBatch(puts=[(b"a", b"1"), (b"b", b"2")]))
        scan = store.scan(b"a")
        next(scan)
        store.close()
        store.close()
        again = self.open(place)
        assert again.get(b"a") == b"1"
        again.close()

    def test_closed_says_so(self, place: Any) -> None:
        """Every call on a closed store is an error of ours."""
        store = self.open(place)
        store.close()
        calls = [
            lambda: store.get(b"a"),
            lambda: store.get_many([b"a"]),
            lambda: store.write(WriteBatch(puts=[(b"a", b"")])),
            store.flush,
            lambda: next(iter(store.scan(b"a")), None),
            lambda: store.next_key(b"a", b"b"),
        ]
        for call in calls:
            with pytest.raises(SedimentError) as caught:
                call()
            assert caught.value.code == "store_closed"

    def test_one_owner(self, place: Any) -> None:
        """A second opening of the same place is refused with words that say why."""
        store = self.open(place)
        with pytest.raises(SedimentError, match="data directory in use by another process") as caught:
            self.open(place)
        assert caught.value.kind is ErrorKind.UNAVAILABLE
        store.close()
        self.open(place).close()

    def test_batches_are_bounded(self) -> None:
        """A batch above the bound is a mistake of the caller."""
        with pytest.raises(AssertionError):
            WriteBatch(puts=[(b"k", bytes(WRITE_BATCH_BYTES_MAX))])

    def test_flush_counts_on_disk(self, place: Any) -> None:
        """After a flush the disk holds at least what was written."""
        store = self.open(place)
        store.write(WriteBatch(puts=[(b"k", b"\x07" * 100_000)]))
        store.flush()
        assert store.disk_bytes() >= 100_000
        store.close()

    def test_compacting_changes_nothing_that_is_read(self, place: Any) -> None:
        """What is left after deletions is the same before and after; it stays durable."""
        store = self.open(place)
        store.write(WriteBatch(puts=[(b"k%03d" % n, bytes([n]) * 9000) for n in range(100)]))
        store.flush()
        store.write(WriteBatch(ranges=[(b"k010", b"k090")]))
        store.flush()
        before = list(store.scan(b"k"))
        store.compact()
        assert list(store.scan(b"k")) == before
        assert len(before) == 20
        store.close()

    def test_threads_may_share_it(self, place: Any) -> None:
        """Readers see each batch as a whole or not at all while another thread writes."""
        store = self.open(place)
        store.write(WriteBatch(puts=[(b"k/a", b"0"), (b"k/b", b"0")]))
        bad: list[object] = []

        def read() -> None:
            for _ in range(300):
                seen = dict(store.scan(b"k/"))
                if seen[b"k/a"] != seen[b"k/b"] or None in store.get_many([b"k/a", b"k/b"]):
                    bad.append(seen)

        readers = [threading.Thread(target=read) for _ in range(2)]
        for one in readers:
            one.start()
        for i in range(300):
            store.write(WriteBatch(puts=[(b"k/a", b"%d" % i), (b"k/b", b"%d" % i)]))
        for one in readers:
            one.join()
        assert not bad
        store.close()


def test_prefix_end() -> None:
    """The bound after all keys of a prefix, also where it ends in 0xff."""
    assert prefix_end(b"a") == b"b"
    assert prefix_end(b"a\xff\xff") == b"b"
    with pytest.raises(AssertionError):
        prefix_end(b"\xff")
