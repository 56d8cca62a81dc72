"""Commands and their bytes."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

from pipeline.catalog.commands import Command, CreateIndex, PutMapping, decode, encode
from schemas.errors import ErrorKind, SedimentError
from tests.pipeline.catalog.commands import COMMANDS, create


@given(command=COMMANDS)
def test_every_command_comes_back_from_its_bytes(command: Command) -> None:
    """Encoding and decoding gives an equal command of the same kind."""
    found = decode(encode(command))
    assert type(found) is type(command)
    assert found == command


@pytest.mark.parametrize(
    "value", [b"", b"{", b"[]", b"null", b"{}", b'{"kind":"x"}', b'{"kind":"delete_index"}', b"[" * 9000, b"\xff"]
)
def test_bytes_that_are_no_command_are_damage(value: bytes) -> None:
    """Whatever lies in the control log, decoding raises DAMAGED and nothing else."""
    with pytest.raises(SedimentError) as raised:
        decode(value)
    assert raised.value.kind is ErrorKind.DAMAGED


@pytest.mark.parametrize("settings", [{"codec": None}, {"codec": "\ud800"}, {"codec": 3}])
def test_what_could_not_be_read_back_is_never_written(settings: dict[str, Any]) -> None:
    """A command that no process could decode is refused before it reaches the log."""
    with pytest.raises(SedimentError) as raised:
        encode(replace(create(), settings=settings))
    assert raised.value.kind is ErrorKind.INVALID


def test_nesting_without_end_is_refused() -> None:
    """A mapping nested deeper than JSON libraries follow is INVALID, not a crash."""
    deep: dict[str, Any] = {}
    for _ in range(5_000):
        deep = {"properties": deep}
    with pytest.raises(SedimentError) as raised:
        encode(PutMapping("u", deep))
    assert raised.value.kind is ErrorKind.INVALID
    assert isinstance(decode(encode(create())), CreateIndex)
