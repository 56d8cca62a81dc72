"""The key table: order-preserving, reversible."""

from hypothesis import given
from hypothesis import strategies as st

from pipeline.rocks.ports import prefix_end
from pipeline.segments.chunks.keys import CHUNK, ID_CHARACTERS, blob_key, chunk_key, id_of, make_id, object_key

numbers = st.integers(0, (1 << 32) - 1)
names = st.from_regex(r"\A[a-z0-9/]{1,8}\Z")
parts = st.tuples(numbers, numbers, names, numbers)


@given(parts, parts)
def test_keys_sort_as_what_they_stand_for(a: tuple[int, int, str, int], b: tuple[int, int, str, int]) -> None:
    """Chunk keys are ordered by epoch, counter, array name, chunk number."""
    keys = [chunk_key(make_id(e, c), name, chunk) for e, c, name, chunk in (a, b)]
    assert (keys[0] < keys[1]) == (a < b)
    assert (keys[0] == keys[1]) == (a == b)


@given(numbers, numbers, names, numbers)
def test_ids_are_read_back(epoch: int, counter: int, name: str, chunk: int) -> None:
    """The id stands at one place in every key, and its prefix covers all chunks of the segment and nothing of the next."""
    one = make_id(epoch, counter)
    assert len(one) == ID_CHARACTERS
    assert id_of(chunk_key(one, name, chunk)) == id_of(blob_key(one, chunk)) == one
    prefix = object_key(CHUNK, one)
    assert prefix <= chunk_key(one, name, chunk) < prefix_end(prefix)
    if counter < (1 << 32) - 1:
        assert chunk_key(make_id(epoch, counter + 1), "", 0) >= prefix_end(prefix)
