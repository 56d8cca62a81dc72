"""The one table of keys. Kinds come first, ids are of one length, numbers big-endian: keys sort as what they stand for.

========================================  ===============================================================
key                                       value
========================================  ===============================================================
``m``                                     the manifest: the commit point
``d`` id                                  descriptor of a segment: its meta, its arrays and their checksums
``c`` id array-name NUL chunk (u32)       a chunk of an array of a segment
``b`` id chunk (u32)                      a chunk of a blob: an alive mask, a large piece of the state
========================================  ===============================================================

An id is (open epoch, counter) in 17 characters, for segments and blobs from one counter; it is never used twice. So what
a manifest names is found unchanged as long as that manifest may be found, and what it does not name is garbage.
"""

from typing import Final

MANIFEST_KEY: Final = b"m"
DESCRIPTOR: Final = b"d"
CHUNK: Final = b"c"
BLOB: Final = b"b"
KINDS_WITH_ID: Final = (DESCRIPTOR, CHUNK, BLOB)
ID_CHARACTERS: Final = 17


def make_id(open_epoch: int, counter: int) -> str:
    """Sortable text of an id."""
    assert 0 <= open_epoch < 1 << 32
    assert 0 <= counter < 1 << 32
    return f"{open_epoch:08x}-{counter:08x}"


def object_key(kind: bytes, object_id: str) -> bytes:
    """What all keys of a segment or blob begin with; the whole key of a descriptor."""
    assert len(object_id) == ID_CHARACTERS
    return kind + object_id.encode()


def id_of(key: bytes) -> str:
    """The id in a key of one of KINDS_WITH_ID."""
    return key[1 : 1 + ID_CHARACTERS].decode()


def chunk_key(segment_id: str, array: str, chunk: int) -> bytes:
    """The key of a chunk of an array; the name holds no NUL."""
    return object_key(CHUNK, segment_id) + array.encode() + b"\0" + chunk.to_bytes(4, "big")


def blob_key(blob_id: str, chunk: int) -> bytes:
    """The key of a chunk of a blob."""
    return object_key(BLOB, blob_id) + chunk.to_bytes(4, "big")
