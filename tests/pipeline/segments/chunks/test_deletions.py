"""Packed alive masks against a loop over bits."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.segments.chunks.deletions import pack_alive, packed_bytes, unpack_alive


@given(st.lists(st.booleans(), max_size=70))
def test_packing_is_bit_by_bit(alive: list[bool]) -> None:
    """Bit d % 8 of byte d // 8 is row d; unpacking gives the mask back, as a fresh array."""
    mask = np.array(alive, np.bool_)
    bits = pack_alive(mask)
    assert len(bits) == packed_bytes(len(alive))
    assert [bool(bits[d // 8] >> (d % 8) & 1) for d in range(len(alive))] == alive
    back = unpack_alive(bits, len(alive))
    assert back.dtype == np.bool_
    assert back.tolist() == alive
    assert back.flags.writeable
