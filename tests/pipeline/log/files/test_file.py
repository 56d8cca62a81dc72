"""Files: what is written arrives, what is listed is in order, what is indexed is found."""

import os
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from pipeline.log.files.file import (
    HEADER_BYTES,
    INDEX_BYTES,
    OLDEST,
    FrameIndex,
    create_file,
    list_files,
    reader_of,
    write_all,
)
from pipeline.log.ports import TopicInfo
from schemas.errors import SedimentError
from schemas.ids import PartitionId, TopicName

TOPIC = TopicInfo(TopicName("t"), "0" * 31 + "1", 1)
P0 = PartitionId(0)


def test_partial_writes_are_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A system call may take less than it was given, also in the middle of a buffer."""
    real = os.pwritev

    def grudging(descriptor: int, buffers: Sequence[memoryview], position: int) -> int:
        return real(descriptor, [b"".join(buffers)[:7]], position)

    monkeypatch.setattr(os, "pwritev", grudging)
    path = tmp_path / "file"
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY)
    assert write_all(descriptor, [b"abc", b"", b"defghijklmn", b"op"], 2) == 18
    os.close(descriptor)
    assert path.read_bytes() == b"\0\0abcdefghijklmnop"


def test_more_buffers_than_a_call_takes(tmp_path: Path) -> None:
    """A large group is written in several calls."""
    pieces = [b"%04d" % i for i in range(3000)]
    descriptor = os.open(tmp_path / "file", os.O_CREAT | os.O_RDWR)
    write_all(descriptor, pieces, 0)
    found = reader_of(descriptor)(4, 8)
    os.close(descriptor)
    assert (tmp_path / "file").read_bytes() == b"".join(pieces)
    assert found[:8].tobytes() == b"00010002"


def test_reading_beyond_the_end_gives_zeros(tmp_path: Path) -> None:
    """A file that became shorter is damage, not an exception."""
    (tmp_path / "file").write_bytes(b"abc")
    descriptor = os.open(tmp_path / "file", os.O_RDONLY)
    assert reader_of(descriptor)(1, 5)[:5].tobytes() == b"bc\0\0\0"
    os.close(descriptor)


def test_files_are_listed_in_order_with_their_salt(tmp_path: Path) -> None:
    """Serial before offset; each file has a salt of its own; others' files are left alone."""
    (tmp_path / "notes.log").write_text("mine")
    made = []
    for serial, offset in ((2, 7), (1, 0), (3, 7)):
        file, descriptor = create_file(tmp_path, TOPIC, P0, serial=serial, base_offset=offset, newest_before=OLDEST)
        os.close(descriptor)
        made.append(file)
    files, damaged = list_files(tmp_path, TOPIC, P0)
    assert [file.serial for file in files] == [1, 2, 3]
    assert damaged == []
    assert len({file.salt for file in files}) == 3
    assert {file.salt for file in made} == {file.salt for file in files}
    other = TopicInfo(TOPIC.name, "0" * 31 + "2", 1)
    assert not {file.salt for file in list_files(tmp_path, other, P0)[0]} & {f.salt for f in files}


def test_a_file_of_another_format_is_refused(tmp_path: Path) -> None:
    """Its header is intact and says so."""
    file, descriptor = create_file(tmp_path, TOPIC, P0, serial=1, base_offset=0, newest_before=OLDEST)
    os.close(descriptor)
    header = np.frombuffer(file.path.read_bytes(), np.uint8).copy()
    header[8] = 9
    header[60:] = np.frombuffer(zlib.crc32(header[:60].tobytes()).to_bytes(4, "little"), np.uint8)
    file.path.write_bytes(header.tobytes())
    with pytest.raises(SedimentError, match="log format 9"):
        list_files(tmp_path, TOPIC, P0)


def test_the_index_keeps_an_entry_for_some_frames() -> None:
    """The nearest entry that is not beyond the offset."""
    index = FrameIndex()
    step = INDEX_BYTES // 4
    for i in range(12):
        index.add(i * 10, HEADER_BYTES + i * step)
    assert list(index.offsets) == [0, 40, 80]
    assert index.before(39) == (HEADER_BYTES, 0)
    assert index.before(40) == (HEADER_BYTES + 4 * step, 40)
    assert index.before(1000) == (HEADER_BYTES + 8 * step, 80)
    assert FrameIndex().before(5) is None
