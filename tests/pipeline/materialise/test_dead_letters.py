"""Dead letters as documents."""

import json

import numpy as np

from pipeline.json_columns.columns import Reject
from pipeline.json_columns.extract import extract
from pipeline.json_columns.scanner import Scanner
from pipeline.materialise.dead_letters import MAPPING, DeadLetter, Origin, documents, letter_of, rows_of
from schemas.records import ByteColumn

ORIGIN = Origin("books", 3)


def shown(letter: DeadLetter, key: bytes | None, value: bytes | None) -> dict[str, object]:
    """A letter of the second record of a batch, as a document."""
    keys, values = ByteColumn.of([b"other", key]), ByteColumn.of([b"other", value])
    ids, sources = documents([letter], ORIGIN, [7, 8], [100, 200], keys, values)
    assert ids.to_list() == [b"3-8"]
    found: dict[str, object] = json.loads(sources[0] or b"")
    assert not extract(Scanner().scan(sources), MAPPING).rejects
    return found


def test_a_letter_says_all_that_is_known() -> None:
    """What is wrong, where the record is, what it was."""
    letter = DeadLetter(1, "mapper_parsing", "bad", "a.b", 5)
    assert shown(letter, b"k", b"{") == {
        "code": "mapper_parsing", "reason": "bad", "field": "a.b", "position": 5, "topic": "books", "partition": 3, "offset": 8,
        "timestamp": 200, "key": "k", "value": "{",
    }  # fmt: skip


def test_bytes_that_are_no_text_are_kept_as_base64() -> None:
    """Nothing is lost of a key or value, and what is not there is not shown."""
    found = shown(DeadLetter(1, "illegal_argument", "bad"), b"\xff\x00", None)
    assert found["key_base64"] == "/wA="
    assert "value" not in found
    assert "field" not in found
    assert "position" not in found


def test_half_characters_in_reasons_are_made_whole() -> None:
    """What a document's bytes put into a message never stops the worker."""
    letter = letter_of(Reject(1, "mapper_parsing", "field [\ud800]", "\udfff"))
    assert shown(letter, b"k", b"v")["reason"] == "field [?]"
    assert letter.field == "?"


def test_a_long_key_is_cut_and_says_so() -> None:
    """A key of a megabyte does not become a field of a megabyte."""
    found = shown(DeadLetter(1, "illegal_argument", "bad"), b"k" * 5000, b"v")
    assert found["key"] == "k" * 1024
    assert found["truncated"] is True


def test_rows_are_a_column() -> None:
    """For slicing the batch."""
    assert rows_of([DeadLetter(4, "", ""), DeadLetter(9, "", "")]).dtype == np.int64
