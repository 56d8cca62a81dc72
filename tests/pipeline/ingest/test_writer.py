"""The writer over a log in memory: routing, ids, headers, answers."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import numpy as np
import pytest

from pipeline.ingest.backpressure import InFlight
from pipeline.ingest.ports import Op, Outcomes, Result, WriteOptions, Writes
from pipeline.ingest.writer import SMALL_RECORDS_MAX, LogWriter, WriterParts
from pipeline.telemetry import names
from pipeline.telemetry.metrics import Metrics
from schemas.errors import ErrorKind, SedimentError
from schemas.ids import LogOffset, TopicName
from schemas.records import ByteColumn
from schemas.routing import partition_of
from tests.pipeline.ingest.partitions import Decider, Deciders, FlakyLog, all_records, index_of, keys


class World:
    """A writer with all it needs."""

    def __init__(self, partitions: int) -> None:
        self.index = index_of(partitions)
        self.log = FlakyLog()
        self.log.create_topic(TopicName("books"), partitions)
        self.deciders = Deciders()
        self.in_flight = InFlight(1000)
        self.metrics = Metrics()
        self.pool = ThreadPoolExecutor(2)
        numbers = count()
        self.writer = LogWriter(
            WriterParts(
                self.log,
                self.deciders,
                self.in_flight,
                self.metrics,
                lambda: 42,
                lambda n: [b"auto-%d" % next(numbers) for _ in range(n)],
                self.pool,
            )
        )

    def write(
        self,
        rows: list[tuple[Op, bytes | None, bytes | None]],
        options: Mapping[int, WriteOptions] | None = None,
        **more: object,
    ) -> Outcomes:
        """Write rows of (op, id, source)."""
        ops, ids, sources = zip(*rows, strict=True)
        writes = Writes(np.array(ops, np.uint8), ByteColumn.of(ids), ByteColumn.of(sources), options or {})
        return self.writer.write(self.index, writes, **more)  # type: ignore[arg-type]


@pytest.fixture
def one() -> Iterator[World]:
    """One partition."""
    world = World(1)
    yield world
    world.pool.shutdown()


@pytest.fixture
def four() -> Iterator[World]:
    """Four partitions."""
    world = World(4)
    yield world
    world.pool.shutdown()


def puts(n: int) -> list[tuple[Op, bytes | None, bytes | None]]:
    """n documents."""
    return [(Op.INDEX, b"id-%d" % i, b'{"n":%d}' % i) for i in range(n)]


def test_every_row_lies_where_its_key_says_and_hears_of_itself(four: World) -> None:
    """Answers are aligned with the request though they come from four partitions; order inside a partition is kept."""
    found = four.write(puts(50))
    assert (found.results == Result.CREATED).all()
    for row in range(50):
        partition = partition_of(b"id-%d" % row, 4)
        assert found.partitions[row] == partition
        assert keys(four.log, "books", partition)[found.offsets[row]] == b"id-%d" % row
        assert found.seq_nos[row] == found.offsets[row]
    assert len({*zip(found.partitions.tolist(), found.offsets.tolist(), strict=True)}) == 50


def test_a_routing_value_decides_the_partition(four: World) -> None:
    """Documents with one routing value lie together, the value travels in a header."""
    found = four.write(puts(10), {i: WriteOptions(routing="r") for i in range(10)})
    assert set(found.partitions.tolist()) == {partition_of(b"r", 4)}
    assert all(h == {"routing": b"r"} for _, _, h in all_records(four.log, "books", partition_of(b"r", 4)))


def test_missing_ids_are_made(four: World) -> None:
    """Generated ids come back with the answer and route the document; given ids stay."""
    found = four.write([(Op.INDEX, None, b"{}"), (Op.INDEX, b"mine", b"{}"), (Op.CREATE, None, b"{}")])
    assert found.ids.to_list() == [b"auto-0", b"mine", b"auto-1"]
    assert found.partitions.tolist() == [partition_of(i, 4) for i in (b"auto-0", b"mine", b"auto-1")]


def test_a_repeated_request_has_the_same_ids_and_request_ids(four: World) -> None:
    """The second sending lands in the same partitions under the same request ids, so that the partition can tell."""
    rows: list[tuple[Op, bytes | None, bytes | None]] = [(Op.INDEX, None, b"{}")] * 6
    first, second = four.write(rows, request_id="q"), four.write(rows, request_id="q")
    assert first.ids.to_list() == second.ids.to_list()
    assert len(set(first.ids.to_list())) == 6
    assert all(len(i or b"") == 20 for i in first.ids.to_list())
    headers = [h["request-id"] for p in range(4) for _, _, h in all_records(four.log, "books", p)]
    assert sorted(headers) == sorted(2 * [b"q/%d" % i for i in range(6)])
    assert four.write(rows, request_id="other").ids.to_list() != first.ids.to_list()


def test_options_become_headers(one: World) -> None:
    """Each demand has its header; plain writes have none."""
    one.write(
        [
            (Op.INDEX, b"a", b"{}"),
            (Op.CREATE, b"b", b"{}"),
            (Op.UPDATE, b"c", b'{"doc":{}}'),
            (Op.DELETE, b"d", None),
            (Op.INDEX, b"e", b"{}"),
        ],
        {
            3: WriteOptions(if_seq_no=5, if_primary_term=1),
            4: WriteOptions(version=7, version_type="external", routing="r"),
        },
        traceparent=b"00-1",
    )
    assert all_records(one.log, "books") == [
        (b"a", b"{}", {"traceparent": b"00-1"}),
        (b"b", b"{}", {"op": b"create"}),
        (b"c", b'{"doc":{}}', {"op": b"update"}),
        (b"d", None, {"if_seq_no": b"5", "if_primary_term": b"1"}),
        (b"e", b"{}", {"version": b"7", "version_type": b"external", "routing": b"r"}),
    ]


def test_what_is_refused_at_the_door_is_not_appended(one: World) -> None:
    """Bad rows are answered with offset -1; the others are written and keep their places."""
    found = one.write(
        [(Op.INDEX, b"a", b"{}"), (Op.INDEX, b"b", b"{"), (Op.INDEX, b"c", b"{}"), (Op.DELETE, b"", None)]
    )
    assert found.results.tolist() == [Result.CREATED, Result.REJECTED, Result.CREATED, Result.REJECTED]
    assert found.offsets.tolist() == [0, -1, 1, -1]
    assert found.errors[1].code == "mapper_parsing"
    assert set(found.errors) == {1, 3}
    assert keys(one.log, "books") == [b"a", b"c"]


def test_nothing_is_appended_when_everything_is_refused(one: World) -> None:
    """No empty batch reaches the log."""
    assert one.write([(Op.INDEX, b"b", b"{")]).results.tolist() == [Result.REJECTED]
    assert keys(one.log, "books") == []


def test_errors_of_partitions_reach_their_rows(four: World) -> None:
    """A rejection by offset is put on the row of the request."""
    for p in range(4):
        four.deciders.by_partition[p] = Decider(refused={0})
    found = four.write(puts(30))
    rejected = np.flatnonzero(found.results == Result.REJECTED).tolist()
    assert len(rejected) == 4
    assert set(found.errors) == set(rejected)
    assert (found.offsets[rejected] == 0).all()


def test_without_waiting_rows_are_pending(one: World) -> None:
    """Acknowledged by the log only: offsets are known, nobody was waited for."""
    found = one.write(puts(3), wait=False)
    assert found.results.tolist() == [Result.PENDING] * 3
    assert found.offsets.tolist() == [0, 1, 2]
    assert one.deciders.by_partition[0].waits == []


def test_what_is_not_decided_in_time_stays_pending(one: World) -> None:
    """The timeout is handed on; rows that were decided are answered, the others are pending."""
    one.deciders.by_partition[0] = Decider(until=2)
    found = one.write(puts(3), timeout_s=0.5)
    assert found.results.tolist() == [Result.CREATED, Result.CREATED, Result.PENDING]
    assert one.deciders.by_partition[0].waits == [(3, 0.5)]


def test_too_much_in_flight_is_refused(one: World) -> None:
    """429 before anything is appended; small writes pass all the same; afterwards there is room again."""
    with one.in_flight.admit(990):
        with pytest.raises(SedimentError) as raised:
            one.write(puts(SMALL_RECORDS_MAX + 1))
        assert raised.value.kind is ErrorKind.OVERLOADED
        assert keys(one.log, "books") == []
        one.write(puts(SMALL_RECORDS_MAX))
    one.write(puts(SMALL_RECORDS_MAX + 1))
    assert one.in_flight.bytes == 0


def test_where_nobody_decides_nothing_is_appended(one: World) -> None:
    """The partition is asked for before the append: the error means that nothing happened."""
    one.deciders.away = {0}
    with pytest.raises(SedimentError) as raised:
        one.write(puts(2))
    assert raised.value.code == "index_not_served"
    assert keys(one.log, "books") == []
    one.write(puts(2), wait=False)
    assert len(keys(one.log, "books")) == 2


def test_to_a_log_that_was_cut_nothing_is_appended(one: World) -> None:
    """Not even by who does not wait for a decision: offsets would be given out twice."""
    one.deciders.cut = {0}
    with pytest.raises(SedimentError, match="was cut"):
        one.write(puts(2), wait=False)
    assert keys(one.log, "books") == []


def test_partitions_fail_each_for_itself(four: World) -> None:
    """Rows of a partition whose append failed carry the error; the others are answered. Where all fail, it is raised."""
    four.log.failing = {1}
    found = four.write(puts(40))
    failed = found.partitions == 1
    assert failed.any()
    assert (found.results[failed] == Result.REJECTED).all()
    assert (found.results[~failed] == Result.CREATED).all()
    assert {(e.code, e.status) for e in found.errors.values()} == {("log_away", 503)}
    four.log.failing = {0, 1, 2, 3}
    with pytest.raises(SedimentError) as raised:
        four.write(puts(40))
    assert raised.value.kind is ErrorKind.UNAVAILABLE
    assert four.in_flight.bytes == 0


def test_large_requests_are_appended_in_pieces(one: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Decisions are read piece by piece, before the ring of outcomes comes round."""
    monkeypatch.setattr("pipeline.ingest.writer.APPEND_RECORDS_MAX", 3)
    monkeypatch.setattr("pipeline.ingest.writer.SMALL_RECORDS_MAX", 2)
    found = one.write(puts(8), {4: WriteOptions(if_seq_no=1)})
    assert found.offsets.tolist() == list(range(8))
    assert [w[0] for w in one.deciders.by_partition[0].waits] == [3, 6, 8]
    assert [h for _, _, h in all_records(one.log, "books")] == [{}, {}, {}, {}, {"if_seq_no": b"1"}, {}, {}, {}]


def test_bulk_writes_are_appended_as_fast_as_they_are_applied(one: World) -> None:
    """In pieces of what the partition applies in a moment; answers are aligned with the rows all the same."""
    decider = one.deciders.by_partition[0] = Decider(piece=40)
    found = one.write(puts(175))
    assert found.offsets.tolist() == list(range(175))
    assert one.log.appended == [40, 40, 40, 55]
    assert decider.waits == [(175, 60.0)]
    assert decider.hurries == [False]


def test_small_writes_are_in_a_hurry_and_wait_for_no_turn(one: World) -> None:
    """Though the partition would need an hour for what it has."""
    decider = one.deciders.by_partition[0] = Decider(per_s=1e-3)
    one.write(puts(1), wait=False)
    assert one.write(puts(SMALL_RECORDS_MAX)).offsets.tolist() == list(range(1, 1 + SMALL_RECORDS_MAX))
    assert decider.hurries == [True]
    assert one.metrics.value(names.INGEST_REFUSED, reason="lag") is None


def test_a_bulk_write_whose_turn_does_not_come_is_refused(one: World) -> None:
    """429, counted; nothing of it is appended. Where some of it was, the rest carries the error."""
    decider = one.deciders.by_partition[0] = Decider(per_s=1e-3, piece=40)
    one.write(puts(1))
    with pytest.raises(SedimentError) as raised:
        one.write(puts(100), timeout_s=0.0)
    assert (raised.value.kind, raised.value.details) == (ErrorKind.OVERLOADED, {"retry_after_s": 1})
    assert one.metrics.value(names.INGEST_REFUSED, reason="lag") == 1
    decider.applied = LogOffset(1)
    found = one.write(puts(100), timeout_s=0.0)
    assert (found.results[:40] == Result.CREATED).all()
    assert (found.results[40:] == Result.REJECTED).all()
    assert {(e.code, e.status) for e in found.errors.values()} == {("es_rejected_execution", 429)}
    assert sorted(found.errors) == list(range(40, 100))
    assert len(keys(one.log, "books")) == 41


def test_without_a_decider_nobody_waits_for_a_turn(one: World) -> None:
    """``ack=log`` where the partition is not open: the log takes it, the partition will."""
    one.deciders.away = {0}
    assert one.write(puts(500), wait=False).offsets.tolist() == list(range(500))
