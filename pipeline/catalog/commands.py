"""Commands of the control log: what may be proposed, and its bytes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from schemas.errors import SedimentError, damaged, illegal_argument


@dataclass(frozen=True, slots=True)
class CreateIndex:
    """A new index. ``mappings`` is the REST form; ``settings`` are flat texts without ``index.``."""

    name: str
    uuid: str
    topic: str
    partitions: int
    settings: Mapping[str, str]
    mappings: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class DeleteIndex:
    """Forget an index."""

    uuid: str


@dataclass(frozen=True, slots=True)
class PutMapping:
    """Lay a mapping (REST form) over an index's."""

    uuid: str
    mappings: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PutSettings:
    """Change settings; None takes one away."""

    uuid: str
    settings: Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class AddFields:
    """New dynamic fields, found by a worker in the record at (partition, offset): path -> REST definition."""

    uuid: str
    fields: Mapping[str, Mapping[str, Any]]
    partition: int
    offset: int


Command = CreateIndex | DeleteIndex | PutMapping | PutSettings | AddFields
_KINDS: Mapping[str, type[Command]] = {
    "create_index": CreateIndex,
    "delete_index": DeleteIndex,
    "put_mapping": PutMapping,
    "put_settings": PutSettings,
    "add_fields": AddFields,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}


def encode(command: Command) -> bytes:
    """A command as a JSON record. Raises INVALID for what could not be read back: one such record would stop every process."""
    try:
        value = msgspec.json.encode({"kind": _NAMES[type(command)], **msgspec.to_builtins(command)})
        decode(value)
    except (msgspec.MsgspecError, TypeError, ValueError, OverflowError, RecursionError, SedimentError) as error:
        raise illegal_argument(f"this holds a value that cannot be kept as JSON: {error}") from error
    return value


def decode(value: bytes) -> Command:
    """The command in a record of the control log. Raises DAMAGED for anything else."""
    try:
        fields = msgspec.json.decode(value)
        kind = _KINDS[fields.pop("kind")]
        return msgspec.convert(fields, kind)
    except (msgspec.MsgspecError, KeyError, AttributeError, TypeError, ValueError, RecursionError) as error:
        raise damaged(f"the control log holds a record that is not a command: {error}") from error
