"""What the control log says: indices, their mappings and settings, as a deterministic fold over commands.

The fold is pure: (state, command, timestamp) -> (state, outcome). Losers of a race (the same index created twice, a
field defined twice) are rejected by the fold, in log order, the same way everywhere.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from schemas.ids import IndexName, IndexUuid, SchemaVersion, TopicName
from schemas.mapping import Field, IndexMapping


@dataclass(frozen=True, slots=True)
class Alias:
    """What another name of an index means: a part of its documents, a routing, whether writes to the name go to this index."""

    filter: Mapping[str, Any] | None = None  # a query in REST form
    index_routing: str | None = None
    search_routing: str | None = None
    is_write_index: bool | None = None
    is_hidden: bool | None = None


@dataclass(frozen=True, slots=True)
class IndexState:
    """One index. ``settings`` are flat without the ``index.`` prefix, values as text (``number_of_shards`` → ``"1"``).

    ``born`` has every field as it was first defined: what a record that meets the field before any marker is indexed with, today
    and in every replay, whatever later changes of the mapping say. ``closed``: the REST side neither reads nor writes it.
    ``found_at``: where a dynamic field was found first, (partition, offset).
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
    aliases: Mapping[str, Alias] = field(default_factory=dict)
    closed: bool = False
    topic_id: str = ""
    found_at: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    def setting(self, name: str, default: str) -> str:
        """A setting as text."""
        return self.settings.get(name, default)

    @property
    def replicas(self) -> int:
        """How many copies of each partition are asked for beside the one that there is."""
        text = self.setting("number_of_replicas", "0")
        return int(text) if text.isdigit() and len(text) <= 9 else 0


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a proposal of fields was refused for good."""

    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Template:
    """What new indices of some names begin with; ``kind`` as in ``pipeline.catalog.templates``. ``settings`` are flat texts
    without ``index.``, ``mappings`` and ``aliases`` the REST form.
    """

    kind: str
    name: str
    patterns: Sequence[str] = ()
    priority: int = 0  # legacy: ``order``
    version: int | None = None
    composed_of: Sequence[str] = ()
    meta: Mapping[str, Any] | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    mappings: Mapping[str, Any] = field(default_factory=dict)
    aliases: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    has_template: bool = True  # an index template may say nothing but what it is composed of


@dataclass(frozen=True, slots=True)
class Deleted:
    """A deleted index: its topic goes after it, and goes still where the process ended between the two."""

    topic: TopicName
    topic_id: str


@dataclass(frozen=True, slots=True)
class CatalogState:
    """All indices by name; the mapping of each schema version (explicit changes only) by (index uuid, version); the proposals of
    fields that were refused for good, by (index uuid, partition) and offset; the names of the indices behind each alias; templates
    by (kind, name); and the DELETED_MAX last deleted indices by uuid.
    """

    indices: Mapping[str, IndexState] = field(default_factory=dict)
    versions: Mapping[tuple[str, int], IndexMapping] = field(default_factory=dict)
    refused: Mapping[tuple[str, int], Mapping[int, Refusal]] = field(default_factory=dict)
    aliases: Mapping[str, Sequence[str]] = field(default_factory=dict)
    templates: Mapping[tuple[str, str], Template] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)  # of the cluster: persistent.<name>, transient.<name>
    version: int = 0  # how many commands changed something
    deleted: Mapping[str, Deleted] = field(default_factory=dict)

    def setting(self, name: str, default: str) -> str:
        """A setting of the cluster; a transient one goes before a persistent one."""
        return self.settings.get(f"transient.{name}", self.settings.get(f"persistent.{name}", default))
