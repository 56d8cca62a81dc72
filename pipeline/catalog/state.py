"""What the control log says: indices, their mappings and settings, as a deterministic fold over commands.

The fold is pure: (state, command, offset, timestamp) -> (state, outcome). Losers of a race (the same index created twice, a
field defined twice) are rejected by the fold, in log order, the same way everywhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from schemas.ids import IndexName, IndexUuid, SchemaVersion, TopicName
from schemas.mapping import IndexMapping


@dataclass(frozen=True, slots=True)
class IndexState:
    """One index. ``settings`` are flat without the ``index.`` prefix, values as text (``number_of_shards`` → ``"1"``)."""

    name: IndexName
    uuid: IndexUuid
    topic: TopicName
    partitions: int
    created_ms: int
    settings: Mapping[str, str]
    mapping: IndexMapping
    schema_version: SchemaVersion
    primary_term: int = 1

    def setting(self, name: str, default: str) -> str:
        """A setting as text."""
        return self.settings.get(name, default)


@dataclass(frozen=True, slots=True)
class CatalogState:
    """All indices by name, and the mapping of each schema version (explicit changes only) by (index uuid, version)."""

    indices: Mapping[str, IndexState] = field(default_factory=dict)
    versions: Mapping[tuple[str, int], IndexMapping] = field(default_factory=dict)
    refused: frozenset[tuple[str, int, int]] = (
        frozenset()
    )  # proposals of fields refused for good: (uuid, partition, offset)
