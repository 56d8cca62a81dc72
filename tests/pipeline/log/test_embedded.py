"""The embedded log: the contract, and what a directory of files adds to it."""

import errno
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.log.embedded import EmbeddedLog
from pipeline.log.files.file import HEADER_BYTES
from pipeline.log.ports import Log, Skipped
from schemas.errors import ErrorKind, SedimentError
from schemas.ids import LogOffset, TopicName
from tests.contracts.log_contract import P0, LogContract, Row, append_batch, read_until
from tests.pipeline.log.log_writer import FILE_BYTES_MAX, TOPIC, value

ROOT = Path(__file__).parents[3]
KILLS = 6
KILL_AFTER_RECORDS = 400


class TestEmbeddedLog(LogContract):
    """The contract, as it is used."""

    @pytest.fixture
    def log(self, tmp_path: Path) -> Iterator[Log]:
        """A log of its own for each test, with files small enough to be trimmed."""
        log = EmbeddedLog(tmp_path, file_bytes_max=1000)
        yield log
        log.close()

    @pytest.fixture
    def reopen(self, tmp_path: Path) -> Callable[[Log], Log]:
        """Close and open the directory."""

        def again(log: Log) -> Log:
            log.close()
            return EmbeddedLog(tmp_path, file_bytes_max=1000)

        return again


class TestEmbeddedLogFromFiles(TestEmbeddedLog):
    """The contract without a tail cache: every read comes from the files."""

    @pytest.fixture
    def log(self, tmp_path: Path) -> Iterator[Log]:
        """No cache, small files."""
        log = EmbeddedLog(tmp_path, file_bytes_max=800, tail_cache_bytes_max=0)
        yield log
        log.close()


def files_of(directory: Path) -> list[Path]:
    """The files of the only topic's first partition, oldest first."""
    return sorted((directory / "topics").glob("*/0/*.log"))


def everything(log: Log, topic: TopicName = TOPIC) -> list[Row]:
    """All that can be read."""
    reader = log.reader(topic, P0, log.begin_offset(topic, P0))
    return read_until(reader, log.end_offset(topic, P0))


def filled(directory: Path, frames: int, file_bytes_max: int = 1 << 20) -> list[bytes]:
    """Write this many frames of one record, close, and return the values by offset."""
    log = EmbeddedLog(directory, file_bytes_max=file_bytes_max)
    log.create_topic(TOPIC, 1)
    values = [b"value %d " % i + b"x" * (i % 50) for i in range(frames)]
    for one in values:
        log.append(TOPIC, P0, append_batch([one]))
    log.close()
    return values


def flip(path: Path, position: int) -> None:
    """Change one byte of a file; twice is not back."""
    data = bytearray(path.read_bytes())
    data[position] = (data[position] + 4) % 256
    path.write_bytes(data)


def frame_starts(path: Path) -> list[int]:
    """Where the frames of a file begin."""
    data, starts, at = path.read_bytes(), [], HEADER_BYTES
    while at < len(data):
        starts.append(at)
        at += int.from_bytes(data[at + 8 : at + 16], "little")
    return [*starts, at]


def test_a_place_that_cannot_be_written_is_said_at_opening(tmp_path: Path) -> None:
    """A file where the directory should be: the message names it."""
    (tmp_path / "file").write_text("")
    with pytest.raises(SedimentError, match="cannot write the log") as caught:
        EmbeddedLog(tmp_path / "file")
    assert caught.value.kind == ErrorKind.UNAVAILABLE


def test_a_second_process_is_told_who_holds_the_log(tmp_path: Path) -> None:
    """One process at a time; the directory is free again after closing."""
    log = EmbeddedLog(tmp_path)
    with pytest.raises(SedimentError, match=f"process {os.getpid()}") as caught:
        EmbeddedLog(tmp_path)
    assert (caught.value.kind, caught.value.code) == (ErrorKind.UNAVAILABLE, "log_locked")
    log.close()
    EmbeddedLog(tmp_path).close()


def test_a_directory_of_another_format_is_refused(tmp_path: Path) -> None:
    """Nothing is touched; the message says what to do; the lock is released."""
    EmbeddedLog(tmp_path).close()
    (tmp_path / "format.json").write_text('{"format": 99}')
    for _ in range(2):
        with pytest.raises(SedimentError, match="release that wrote it") as caught:
            EmbeddedLog(tmp_path)
        assert caught.value.code == "unsupported_format"
    (tmp_path / "format.json").write_text("?")
    with pytest.raises(SedimentError, match="unreadable"):
        EmbeddedLog(tmp_path)


def test_an_unfinished_topic_does_not_exist(tmp_path: Path) -> None:
    """What a crash left of creating or deleting a topic is removed at opening."""
    EmbeddedLog(tmp_path).close()
    left = [tmp_path / "topics" / name for name in ("1" * 32 + ".new", "2" * 32 + ".deleted")]
    for directory in left:
        (directory / "0").mkdir(parents=True)
    log = EmbeddedLog(tmp_path)
    assert log.topics() == []
    assert not any(directory.exists() for directory in left)
    log.close()


def test_a_topic_without_its_description_is_damage(tmp_path: Path) -> None:
    """It is said which file is missing."""
    filled(tmp_path, 1)
    next((tmp_path / "topics").glob("*/topic.json")).unlink()
    with pytest.raises(SedimentError, match=r"topic\.json") as caught:
        EmbeddedLog(tmp_path)
    assert caught.value.kind == ErrorKind.DAMAGED


@pytest.mark.parametrize("cached", [0, 1 << 20])
def test_a_damaged_frame_costs_only_itself(tmp_path: Path, cached: int) -> None:
    """Flipped bits in header or records: the frame's bytes and offsets are named, all others are read."""
    values = filled(tmp_path, 30)
    path = files_of(tmp_path)[0]
    starts = frame_starts(path)
    flip(path, starts[7] + 64)  # records of frame 7
    flip(path, starts[20] + 20)  # header of frame 20
    log = EmbeddedLog(tmp_path, tail_cache_bytes_max=cached)
    good = [i for i in range(30) if i not in (7, 20)]
    assert [(row[0], row[2]) for row in everything(log)] == [(i, values[i]) for i in good]
    found = [(s.byte_start, s.byte_end, s.first_offset, s.next_offset) for s in skipped(log)]
    assert found == [(starts[i], starts[i + 1], i, i + 1) for i in (7, 20)]
    assert all(s.file == str(path) and s.reason for s in skipped(log))
    assert log.append(TOPIC, P0, append_batch([b"next"])).tolist() == [30]
    reader = log.reader(TOPIC, P0, LogOffset(7))
    batch = reader.read(records_max=1, bytes_max=1000, timeout_s=0)
    assert (batch.offsets.tolist(), reader.position) == ([8], 9)
    log.close()


def skipped(log: Log) -> list[Skipped]:
    """All damage found so far, in order."""
    return sorted(log.health().skipped, key=lambda s: (s.file, s.byte_start))


def test_damage_in_an_older_file_is_found_when_it_is_read(tmp_path: Path) -> None:
    """Opening does not read it; reading goes on behind it."""
    values = filled(tmp_path, 40, file_bytes_max=1000)
    paths = files_of(tmp_path)
    assert len(paths) > 4
    first = int(paths[2].stem.split("-")[1])
    flip(paths[2], HEADER_BYTES + 70)
    flip(paths[3], 33)  # the header of a file: its frames are good
    log = EmbeddedLog(tmp_path, file_bytes_max=1000)
    assert len(skipped(log)) == 1
    good = [(i, one) for i, one in enumerate(values) if i != first]
    assert [(row[0], row[2]) for row in everything(log)] == good
    assert skipped(log)[0].first_offset == first
    assert log.offset_at(TOPIC, P0, 0) == 0
    log.close()


def test_a_whole_damaged_file_is_a_gap(tmp_path: Path) -> None:
    """Nothing valid is left in it: reading jumps to the next."""
    values = filled(tmp_path, 40, file_bytes_max=1000)
    paths = files_of(tmp_path)
    firsts = [int(path.stem.split("-")[1]) for path in paths]
    paths[1].write_bytes(bytes(paths[1].stat().st_size))
    log = EmbeddedLog(tmp_path, file_bytes_max=1000)
    lost = range(firsts[1], firsts[2])
    assert [row[2] for row in everything(log)] == [one for i, one in enumerate(values) if i not in lost]
    log.close()


@pytest.mark.parametrize("keep", [1, 40, 64, 70])
def test_a_cut_tail_is_removed_and_its_offsets_are_not_used_again(tmp_path: Path, keep: int) -> None:
    """The last frame was written in part: it is dropped, said so, and the next opening finds nothing wrong."""
    values = filled(tmp_path, 10)
    path = files_of(tmp_path)[0]
    start = frame_starts(path)[9]
    os.truncate(path, start + keep)
    log = EmbeddedLog(tmp_path)
    assert [row[2] for row in everything(log)] == values[:9]
    assert [(s.byte_start, s.byte_end) for s in skipped(log)] == [(start, start + keep)]
    known = keep >= HEADER_BYTES
    assert log.append(TOPIC, P0, append_batch([b"next"])).tolist() == [10 if known else 9]
    log.close()
    log = EmbeddedLog(tmp_path)
    assert [row[2] for row in everything(log)] == [*values[:9], b"next"]
    assert skipped(log) == []
    log.close()


def test_a_damaged_last_frame_is_a_gap_not_an_end(tmp_path: Path) -> None:
    """It may have been acknowledged: its offset is not handed out again, now or later."""
    values = filled(tmp_path, 10)
    path = files_of(tmp_path)[0]
    flip(path, frame_starts(path)[9] + 70)
    for expected in (10, 11):
        log = EmbeddedLog(tmp_path)
        assert log.end_offset(TOPIC, P0) == expected
        assert log.append(TOPIC, P0, append_batch([b"%d" % expected])).tolist() == [expected]
        assert [row[2] for row in everything(log)][:10] == [*values[:9], b"10"]
        log.close()


def test_a_document_that_holds_a_log_file_cannot_pass_for_one(tmp_path: Path) -> None:
    """After damage the search for the next frame is not led astray by what was indexed."""
    elsewhere = tmp_path / "elsewhere"
    filled(elsewhere, 5)
    trap = files_of(elsewhere)[0].read_bytes()
    log = EmbeddedLog(tmp_path / "log")
    log.create_topic(TOPIC, 1)
    for one in (b"first", trap, b"last"):
        log.append(TOPIC, P0, append_batch([one]))
    log.close()
    path = files_of(tmp_path / "log")[0]
    flip(path, frame_starts(path)[1])
    log = EmbeddedLog(tmp_path / "log")
    assert [row[2] for row in everything(log)] == [b"first", b"last"]
    log.close()


@pytest.mark.parametrize("call", ["pwritev", "fdatasync"])
@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC])
def test_a_failed_write_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, code: int
) -> None:
    """The append says what to do, the log is unhealthy until a write succeeds, no record of it ever appears."""
    log = EmbeddedLog(tmp_path)
    log.create_topic(TOPIC, 1)
    log.append(TOPIC, P0, append_batch([b"before"]))
    real = os.pwritev

    def fail(descriptor: int, *arguments: object) -> int:
        if call == "pwritev":
            real(descriptor, [b"half a frame"], os.fstat(descriptor).st_size)
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        for _ in range(3):
            with pytest.raises(SedimentError, match="free space or mend the disk") as caught:
                log.append(TOPIC, P0, append_batch([b"lost"]))
            assert caught.value.kind == ErrorKind.UNAVAILABLE
        assert not log.health().healthy
        assert os.strerror(code) in log.health().reason
        assert [row[2] for row in everything(log)] == [b"before"]
    assert log.append(TOPIC, P0, append_batch([b"after"])).tolist() == [1]
    assert log.health().healthy
    for _ in range(2):
        assert [row[2] for row in everything(log)] == [b"before", b"after"]
        assert skipped(log) == []
        log.close()
        log = EmbeddedLog(tmp_path)
    log.close()


def test_many_appenders_share_a_sync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While one group is being made durable, the next one forms: far fewer syncs than appends."""
    log = EmbeddedLog(tmp_path)
    log.create_topic(TOPIC, 1)
    syncs = 0
    real, slow = os.fdatasync, threading.Event()

    def counted(descriptor: int) -> None:
        nonlocal syncs
        syncs += 1
        slow.wait(0.02)
        real(descriptor)

    monkeypatch.setattr(os, "fdatasync", counted)
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda i: log.append(TOPIC, P0, append_batch([b"%d" % i])), range(160)))
    assert log.end_offset(TOPIC, P0) == 160
    assert syncs <= 40
    log.close()


def test_a_following_reader_gets_what_was_appended_without_the_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tail cache holds the newest batches: no file is opened to read them."""
    log = EmbeddedLog(tmp_path)
    log.create_topic(TOPIC, 1)
    reader = log.reader(TOPIC, P0, LogOffset(0))
    for i in range(3):
        log.append(TOPIC, P0, append_batch([b"%d" % i] * 100))
    monkeypatch.setattr(os, "preadv", None)
    assert len(read_until(reader, 300)) == 300
    log.close()


def test_a_reader_falls_back_to_the_files(tmp_path: Path) -> None:
    """It was slower than the cache is large; it catches up and follows from memory again."""
    log = EmbeddedLog(tmp_path, file_bytes_max=20_000, tail_cache_bytes_max=5_000)
    log.create_topic(TOPIC, 1)
    reader = log.reader(TOPIC, P0, LogOffset(0))
    expected = []
    for i in range(300):
        expected.append(b"%d" % i * 30)
        log.append(TOPIC, P0, append_batch([expected[-1]]))
        if i % 50 == 7:
            assert [row[2] for row in read_until(reader, i + 1, records_max=3)]
    assert [row[2] for row in everything(log)] == expected
    log.close()


@pytest.mark.slow
def test_acknowledged_records_survive_kill_minus_nine(tmp_path: Path) -> None:
    """Several lives of a writer, each ended by SIGKILL, one followed by damage: every acknowledged record is there."""
    random = Random(7)
    acknowledged: dict[int, bytes] = {}
    lost: set[int] = set()
    for life in range(KILLS):
        for line in killed_writer(tmp_path, number=life * 1_000_000):
            thread, number, offset = map(int, line.split())
            assert offset not in acknowledged
            acknowledged[offset] = value(thread, number)
        if life == KILLS - 2:
            path = random.choice(files_of(tmp_path)[:-1])
            flip(path, random.randrange(HEADER_BYTES, path.stat().st_size))
        log = EmbeddedLog(tmp_path, file_bytes_max=FILE_BYTES_MAX)
        stored = {row[0]: row[2] for row in everything(log)}
        if life == KILLS - 2:
            damage = [s for s in skipped(log) if s.file == str(path)]
            lost = {o for s in damage for o in range(s.first_offset, s.next_offset)}
            assert 0 < len(lost) <= 5 * 4
        log.close()
        missing = {offset for offset in acknowledged if stored.get(offset) != acknowledged[offset]}
        assert missing <= lost
    assert len(acknowledged) >= KILLS * KILL_AFTER_RECORDS


def killed_writer(directory: Path, number: int) -> list[str]:
    """Run the writer, kill it in the midst of its work, return the whole lines it printed."""
    command = [sys.executable, "-m", "tests.pipeline.log.log_writer", str(directory), str(number)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(KILL_AFTER_RECORDS)]
        process.kill()
        lines += process.stdout.readlines()
    return [line for line in lines if line.endswith("\n")]


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[str, int]]:
    """Appends, reads from anywhere, trims, reopenings and damage, in any order."""
    actions = st.sampled_from(["append", "append", "append", "read", "reopen", "trim", "damage"])
    return draw(st.lists(st.tuples(actions, st.integers(0, 1_000_000)), max_size=30))


@settings(max_examples=60)
@given(history=histories(), cache=st.sampled_from([0, 600, 1 << 20]))
def test_any_history_agrees_with_a_list(
    tmp_path_factory: pytest.TempPathFactory, history: list[tuple[str, int]], cache: int
) -> None:
    """What can be read is what was appended, less what was trimmed and what is named as damaged."""
    directory = tmp_path_factory.mktemp("history")
    model: dict[int, bytes] = {}

    def opened() -> EmbeddedLog:
        return EmbeddedLog(directory, file_bytes_max=700, tail_cache_bytes_max=cache)

    log = opened()
    log.create_topic(TOPIC, 1)
    for action, number in history:
        begin, end = log.begin_offset(TOPIC, P0), log.end_offset(TOPIC, P0)
        if action == "append":
            values: list[bytes | None] = [b"%d" % (number + i) for i in range(number % 7)]
            offsets = log.append(TOPIC, P0, append_batch(values)).tolist()
            assert not offsets or offsets[0] >= max([end, *model])
            model.update(zip(offsets, values, strict=True))  # type: ignore[arg-type]
        elif action == "read":
            start = LogOffset(begin + number % (end - begin + 1))
            reader = log.reader(TOPIC, P0, start)
            found = read_until(reader, end, records_max=1 + number % 5)
            assert {row[0]: row[2] for row in found} == {o: v for o, v in model.items() if o >= start}
            reader.close()
        elif action == "trim":
            log.trim(TOPIC, P0, LogOffset(begin + number % (end - begin + 1)))
        else:
            log.close()
            if action == "damage":
                path = files_of(directory)[number % len(files_of(directory))]
                flip(path, number % path.stat().st_size)
            log = opened()
            rows_now = {row[0]: row[2] for row in everything(log)}
            lost = {o for s in skipped(log) for o in range(s.first_offset, s.next_offset)}
            assert rows_now.keys() | lost >= {o for o in model if o >= log.begin_offset(TOPIC, P0)}
            assert rows_now.items() <= model.items()
            model = dict(rows_now)  # type: ignore[arg-type]
        begin = log.begin_offset(TOPIC, P0)
        model = {offset: one for offset, one in model.items() if offset >= begin}
    log.close()
