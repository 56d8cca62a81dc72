"""Commands of the control log: what may be proposed, and its bytes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from pipeline.catalog.state import Template
from schemas.errors import SedimentError, damaged, illegal_argument


@dataclass(frozen=True, slots=True)
class CreateIndex:
    """A new index. ``mappings`` and ``aliases`` are the REST form; ``settings`` are flat texts without ``index.``."""

    name: str
    uuid: str
    topic: str
    partitions: int
    settings: Mapping[str, str]
    mappings: Mapping[str, Any]
    aliases: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    topic_id: str = ""  # of the topic as it was found; empty: written by an older program


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


@dataclass(frozen=True, slots=True)
class Proposal:
    """New fields of the record at an offset: path -> REST definition."""

    offset: int
    fields: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class RefuseFields:
    """Proposals of one partition, by offset, that follow a refused one: they are refused up to the first that need not be."""

    uuid: str
    partition: int
    proposals: Sequence[Proposal]


@dataclass(frozen=True, slots=True)
class AliasAction:
    """``add`` or ``remove`` an alias of an index, or ``remove_index``. ``body`` is the REST form of what is added."""

    kind: str
    uuid: str
    alias: str = ""
    body: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ChangeAliases:
    """Several changes of aliases that happen at once or not at all."""

    actions: Sequence[AliasAction]


@dataclass(frozen=True, slots=True)
class SetClosed:
    """Close an index to the REST side, or open it again."""

    uuid: str
    closed: bool


@dataclass(frozen=True, slots=True)
class PutTemplate:
    """What new indices begin with. ``create``: refused where there is one of that name."""

    template: Template
    create: bool = False


@dataclass(frozen=True, slots=True)
class RemoveTemplate:
    """Forget a template."""

    template: str
    of_kind: str


@dataclass(frozen=True, slots=True)
class PutClusterSettings:
    """Change settings of the cluster; None takes one away."""

    settings: Mapping[str, str | None]


IndexCommand = CreateIndex | DeleteIndex | PutMapping | PutSettings | AddFields | RefuseFields | SetClosed
Command = IndexCommand | ChangeAliases | PutTemplate | RemoveTemplate | PutClusterSettings
_KINDS: Mapping[str, type[Command]] = {
    "create_index": CreateIndex,
    "delete_index": DeleteIndex,
    "put_mapping": PutMapping,
    "put_settings": PutSettings,
    "add_fields": AddFields,
    "refuse_fields": RefuseFields,
    "change_aliases": ChangeAliases,
    "set_closed": SetClosed,
    "put_template": PutTemplate,
    "remove_template": RemoveTemplate,
    "put_cluster_settings": PutClusterSettings,
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
