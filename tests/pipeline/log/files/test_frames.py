"""Frames: what goes in comes out, and no damaged byte goes unnoticed."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.log.files.frames import HEADER_BYTES, Damage, Frame, decode, encode, stamp, walk
from schemas.ids import PartitionId
from schemas.limits import READABLE_PAD_BYTES
from schemas.records import U8, AppendBatch, ByteColumn, Headers, RecordBatch
from tests.contracts.log_contract import append_batch, rows

SALT = 7
optional = st.one_of(st.none(), st.binary(max_size=40))
header_lists = st.lists(st.tuples(st.text(max_size=5), st.binary(max_size=5)), min_size=1, max_size=3)


@st.composite
def batches(draw: st.DrawFn) -> AppendBatch:
    """Any batch of 1 to 20 records."""
    count = draw(st.integers(1, 20))
    fixed: dict[str, Any] = {"min_size": count, "max_size": count}
    headers = draw(st.dictionaries(st.integers(0, count - 1), header_lists.map(tuple), max_size=4))
    return append_batch(
        draw(st.lists(optional, **fixed)),
        keys=draw(st.lists(optional, **fixed)),
        timestamps_ms=draw(st.lists(st.integers(-(2**63), 2**63 - 1), **fixed)),
        headers=headers,
    )


def file_of(*frames: AppendBatch, offset: int = 0) -> bytes:
    """Frames one after another, with ascending offsets."""
    data = b""
    for batch in frames:
        frame = stamp(encode(batch), offset, SALT)
        data += frame.buffer[: frame.header.length].tobytes()
        offset = frame.header.next_offset
    return data


def walked(data: bytes, *, salt: int = SALT, offset: int = 0) -> list[tuple[int, Frame | Damage]]:
    """What ``walk`` finds in a file of these bytes."""

    def read(position: int, size: int) -> U8:
        return np.frombuffer(data[position : position + size] + bytes(READABLE_PAD_BYTES), np.uint8)

    return list(walk(read, 0, len(data), salt=salt, offset=offset))


def decoded(data: bytes) -> list[RecordBatch]:
    """The batches of the valid frames."""
    return [decode(found, PartitionId(3)) for _, found in walked(data) if isinstance(found, Frame)]


@given(batch=batches())
def test_a_batch_comes_back_as_it_was(batch: AppendBatch) -> None:
    """Keys, values, nulls, timestamps and headers; views into one padded buffer."""
    frame = stamp(encode(batch), 1000, SALT)
    back = decode(frame, PartitionId(3))
    expected = [
        (1000 + i, batch.keys[i], batch.values[i], int(t), tuple(batch.headers.get(i, ())))
        for i, t in enumerate(batch.timestamps_ms)
    ]
    assert rows(back) == expected
    assert (back.partition, back.next_offset) == (3, 1000 + len(batch))
    assert frame.header.length % 8 == 0
    for column in (back.keys, back.values):
        assert len(column.data) >= column.starts[-1] + READABLE_PAD_BYTES


@settings(max_examples=300)
@given(data=st.data(), first=batches(), second=batches(), third=batches())
def test_any_changed_byte_costs_its_frame_and_no_other(
    data: st.DataObject, first: AppendBatch, second: AppendBatch, third: AppendBatch
) -> None:
    """The damaged frame is named by bytes and offsets; the others are read."""
    whole = file_of(first, second, third)
    starts = [0, len(file_of(first)), len(file_of(first, second)), len(whole)]
    number = data.draw(st.integers(0, 2))
    position = data.draw(st.integers(starts[number], starts[number + 1] - 1))
    changed = bytearray(whole)
    changed[position] ^= data.draw(st.integers(1, 255))
    found = walked(bytes(changed))
    assert [at for at, _ in found] == starts[:3]
    kinds = [isinstance(one, Frame) for _, one in found]
    assert kinds == [i != number for i in range(3)]
    damage = found[number][1]
    assert isinstance(damage, Damage)
    assert (damage.start, damage.end) == (starts[number], starts[number + 1])
    ends = np.cumsum([len(first), len(second), len(third)]).tolist()
    assert damage.first_offset == [0, *ends][number]
    assert damage.next_offset in (ends[number], None if number == 2 else ends[number])


@given(first=batches(), second=batches(), cut=st.integers(0, 10_000))
def test_a_cut_file_ends_at_its_last_whole_frame(first: AppendBatch, second: AppendBatch, cut: int) -> None:
    """Whatever the length: whole frames are read, the rest is one damage."""
    whole = file_of(first, second)
    length = cut % len(whole)
    found = walked(whole[:length])
    assert len(decoded(whole[:length])) == (length >= len(file_of(first)))
    damages = [one for _, one in found if isinstance(one, Damage)]
    assert len(damages) == (length not in (0, len(file_of(first))))


def test_bytes_that_are_missing_in_the_middle_are_passed() -> None:
    """The next frame is found although nothing stands where it was."""
    one, two, three = (append_batch([b"%d" % i * 100]) for i in range(3))
    start = len(file_of(one))
    whole = file_of(one, two, three)
    found = decoded(whole[: start + 90] + whole[start + 101 :])
    assert [batch.offsets.tolist() for batch in found] == [[0], [2]]


def test_a_frame_of_another_file_is_damage() -> None:
    """The salt is another one; so is the offset of a frame that was there before."""
    batch = append_batch([b"x"])
    data = file_of(batch)
    assert isinstance(walked(data, salt=SALT + 1)[0][1], Damage)
    assert isinstance(walked(data, offset=1)[0][1], Damage)
    repeated = walked(data + data)
    assert [isinstance(found, Frame) for _, found in repeated] == [True, False]


@pytest.mark.parametrize("size", [1, 1 << 20, (1 << 20) + 1, 3 << 20])
def test_frames_larger_than_a_chunk_are_read_whole(size: int) -> None:
    """Frames are read in chunks, or at once where one is larger."""
    values: list[bytes | None] = [b"a", bytes(size), b"c"]
    data = file_of(*(append_batch([one]) for one in values))
    assert [batch.values[0] for batch in decoded(data)] == values


def test_the_header_is_as_large_as_its_description() -> None:
    """A frame with one empty record: header, timestamp, two lengths."""
    column = ByteColumn.of([b""])
    headers: dict[int, Headers] = {}
    frame = encode(AppendBatch(column, column, np.zeros(1, np.int64), headers))
    assert frame.header.length == HEADER_BYTES + 16
