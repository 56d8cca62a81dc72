"""What the control log says: indices, their mappings and settings, as a deterministic fold over commands.

The fold is pure: (state, command, timestamp) -> (state, outcome). Losers of a race (the same index created twice, a
field defined twice) are rejected by the fold, in log order, the same way everywhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from schemas.ids import IndexName, IndexUuid, SchemaVersion, TopicName
from schemas.mapping import Field, IndexMapping


@dataclass(frozen=True, slots=True)
class IndexState:
    """One index. ``settings`` are flat without the ``index.`` prefix, values as text (``number_of_shards`` → ``"1"``).

    ``born`` has every field as it was first defined: what a record that meets the field before any marker is indexed with, today
    and in every replay, whatever later changes of the mapping say.
    """

    name: IndexName
    uuid: IndexUuid
    topic: TopicName
    partitions: int
    created_ms: int
    settings: Mapping[str, str]
    mapping: IndexMapping
    schema_version: SchemaVersion
    primary_term: int = 1
    born: Mapping[str, Field] = field(default_factory=dict)

    def setting(self, name: str, default: str) -> str:
        """A setting as text."""
        return self.settings.get(name, default)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a proposal of fields was refused for good."""

    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class CatalogState:
    """All indices by name; the mapping of each schema version (explicit changes only) by (index uuid, version); and the proposals of
    fields that were refused for good, by (index uuid, partition) and offset.
    """

    indices: Mapping[str, IndexState] = field(default_factory=dict)
    versions: Mapping[tuple[str, int], IndexMapping] = field(default_factory=dict)
    refused: Mapping[tuple[str, int], Mapping[int, Refusal]] = field(default_factory=dict)
