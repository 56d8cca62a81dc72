"""The use case of managing indices: check what is asked, make the topic, propose to the control log, mark the partition logs."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from pipeline.analysis.definitions import flat as analysis
from pipeline.analysis.definitions.analyzer_set import AnalyzerSet, analyzer_set
from pipeline.catalog.catalog import Catalog
from pipeline.catalog.commands import (
    AliasAction,
    ChangeAliases,
    CreateIndex,
    DeleteIndex,
    PutClusterSettings,
    PutMapping,
    PutSettings,
    PutTemplate,
    RemoveTemplate,
    SetClosed,
)
from pipeline.catalog.names import check_index_name, topic_of
from pipeline.catalog.state import CatalogState, IndexState, Template
from pipeline.catalog.templates import beginning
from pipeline.ingest.ports import DecisionSource
from pipeline.json_columns.kernels.date_programs import alternatives
from pipeline.log.ports import Log, TopicInfo
from schemas import events
from schemas.errors import ErrorKind, SedimentError, conflict, illegal_argument, not_found
from schemas.fields.similarity import similarities_of
from schemas.ids import IndexName, LogOffset, PartitionId, TopicName
from schemas.limits import (
    FIELD_DEPTH_MAX,
    FIELD_NAME_BYTES_MAX,
    INNER_RESULT_WINDOW_MAX,
    PARTITIONS_MAX,
    REGEXP_CHARACTERS_MAX,
    TERMS_QUERY_MAX,
)
from schemas.mapping import FieldType, IndexMapping
from schemas.mapping_rules.checks import check_similarities, checked_mapping
from schemas.records import AppendBatch, ByteColumn

MARKER_TIMEOUT_S: Final = 30.0
FIXED_SETTINGS: Final = frozenset(
    {"number_of_shards", "uuid", "creation_date", "provided_name", "version.created", "codec"}
)
KNOWN_SETTINGS: Final = frozenset(
    {
        "number_of_shards", "number_of_replicas", "refresh_interval", "max_result_window", "mapping.total_fields.limit",
        "mapping.depth.limit", "mapping.nested_fields.limit", "mapping.field_name_length.limit", "mapping.coerce",
        "mapping.ignore_malformed", "auto_expand_replicas", "codec", "hidden", "max_terms_count", "max_inner_result_window",
        "max_docvalue_fields_search", "max_ngram_diff", "max_shingle_diff", "max_regex_length", "number_of_routing_shards",
        "highlight.max_analyzed_offset", "query.default_field", "gc_deletes", "default_pipeline", "final_pipeline",
        "soft_deletes.enabled", "write.wait_for_active_shards", "priority", "store.type", "requests.cache.enable", "search.idle.after",
        "analyze.max_token_count", "max_script_fields", "mapping.nested_objects.limit", "max_slices_per_scroll", "max_rescore_window",
    }
)  # fmt: skip
SIMILARITY_PREFIX: Final = "similarity."
KNOWN_PREFIXES: Final = (
    "blocks.", "routing.", "merge.", "search.slowlog.", "indexing.slowlog.", "sort.", "lifecycle.", "translog.", "unassigned.",
    "queries.cache.", SIMILARITY_PREFIX, analysis.PREFIX,
)  # fmt: skip

# settings that would change answers and cannot, so that nobody relies on them: prefix or name -> what to do instead
REFUSED_SETTINGS: Final[Mapping[str, str]] = {
    "sort.": "indices are not kept sorted: leave it out, and sort in the search",
    "default_pipeline": "there are no ingest pipelines: change documents before they are sent",
    "final_pipeline": "there are no ingest pipelines: change documents before they are sent",
}
# bounds that an index cannot raise
BOUNDS: Final[Mapping[str, int]] = {
    "max_terms_count": TERMS_QUERY_MAX,
    "max_regex_length": REGEXP_CHARACTERS_MAX,
    "max_inner_result_window": INNER_RESULT_WINDOW_MAX,
    "mapping.depth.limit": FIELD_DEPTH_MAX,
    "mapping.field_name_length.limit": FIELD_NAME_BYTES_MAX,
}


@dataclass(frozen=True, slots=True)
class IndicesParts:
    """What the service is made of. ``serving`` waits until this process serves a new index, ``gone`` until it serves one no more."""

    log: Log
    catalog: Catalog
    decisions: DecisionSource
    clock_ms: Callable[[], int]
    new_uuid: Callable[[], str]
    partitions_default: int
    topic_prefix: str
    serving: Callable[[IndexState], None]
    gone: Callable[[IndexState], None] = lambda _index: None


class IndexService:
    """See ``pipeline.ingest.ports.Indices``."""

    def __init__(self, parts: IndicesParts) -> None:
        self._parts = parts

    def index(self, name: str) -> IndexState | None:
        """One index by its exact name, or None."""
        return self._parts.catalog.index(name)

    def indices(self) -> Sequence[IndexState]:
        """All indices, by name."""
        return self._parts.catalog.indices()

    def state(self) -> CatalogState:
        """All that the control log says."""
        return self._parts.catalog.state

    def create(
        self,
        name: str,
        settings: Mapping[str, Any],
        mappings: Mapping[str, Any],
        aliases: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> IndexState:
        """Create topic and index, over what templates say. A topic that is there already is taken over, with its records and
        partitions.
        """
        check_index_name(name)
        existing = self.index(name)
        if existing is not None:
            raise conflict(
                "resource_already_exists",
                f"index [{name}/{existing.uuid}] already exists",
                index=name,
                index_uuid=existing.uuid,
                status=400,
            )
        begun = beginning(self.state(), name).under(flatten_settings(settings), mappings, aliases or {})
        flat = {k: v for k, v in begun.settings.items() if v is not None}
        check_settings(flat)
        check_analysis(flat, begun.mappings)
        topic = topic_of(name, self._parts.topic_prefix)
        info, made = self._topic(topic, flat)
        command = CreateIndex(
            name=name,
            uuid=self._parts.new_uuid(),
            topic=topic,
            partitions=info.partitions,
            settings={"number_of_replicas": "0", **flat, "number_of_shards": str(info.partitions)},
            mappings=begun.mappings,
            aliases=begun.aliases,
            topic_id=info.topic_id,
        )
        try:
            created = self._parts.catalog.propose(command)
        except SedimentError as error:
            refused = error.kind in {
                ErrorKind.INVALID,
                ErrorKind.CONFLICT,
            }  # else the command may be in the log all the same
            if made and refused and self.index(name) is None and not self._has_records(info):
                self._parts.log.delete_topic(topic)
            raise
        assert created is not None
        self._parts.serving(created)
        return created

    def _has_records(self, topic: TopicInfo) -> bool:
        return any(self._parts.log.end_offset(topic.name, PartitionId(p)) > 0 for p in range(topic.partitions))

    def _topic(self, topic: TopicName, settings: Mapping[str, str]) -> tuple[TopicInfo, bool]:
        """The topic, and whether it was made here."""
        asked = settings.get("number_of_shards")
        partitions = _partitions(asked) if asked is not None else self._parts.partitions_default
        known = self._parts.log.topic(topic)
        if known is not None and self._is_left_over(known):
            self._delete_topic(topic)
            known = None
        if known is None:
            try:
                return self._parts.log.create_topic(topic, partitions), True
            except SedimentError as error:  # somebody else was faster
                known = self._parts.log.topic(topic)
                if error.code != "topic_exists" or known is None:
                    raise
        if asked is not None and known.partitions != partitions:
            raise illegal_argument(
                f"topic [{topic}] exists with {known.partitions} partitions: ask for number_of_shards "
                f"[{known.partitions}] or leave it out"
            )
        return known, False

    def delete(self, name: IndexName) -> None:
        """Delete index, topic and data."""
        index = self._known(name)
        self._parts.catalog.propose(DeleteIndex(index.uuid))
        self._clean_up(index)

    def _clean_up(self, index: IndexState) -> None:
        self._parts.gone(index)  # workers first: a topic that goes under them would be an error
        self._delete_topic(index.topic)

    def _delete_topic(self, topic: TopicName) -> None:
        try:
            self._parts.log.delete_topic(topic)
        except SedimentError as error:
            if error.code != "topic_not_found":
                raise

    def _is_left_over(self, topic: TopicInfo) -> bool:
        """Whether this very topic belonged to an index that is deleted."""
        return any(d.topic_id == topic.topic_id for d in self.state().deleted.values())

    def finish_deletions(self) -> None:
        """At the start: delete topics whose index was deleted by a process that ended before it came to them."""
        for one in self.state().deleted.values():
            known = self._parts.log.topic(one.topic)
            if known is not None and self._is_left_over(known):
                self._delete_topic(one.topic)

    def put_mapping(self, name: IndexName, mappings: Mapping[str, Any]) -> IndexState:
        """Merge fields into the mapping; a marker in every partition log says from which offset on it holds.

        What changes nothing is marked too: the markers of an earlier call may not have been written.
        """
        index = self._known(name)
        wanted = replace(checked_mapping(mappings), similarities=index.mapping.similarities)
        _check_wanted(wanted, analyzer_set(index.mapping.analysis))
        changed = self._parts.catalog.propose(PutMapping(index.uuid, mappings))
        assert changed is not None
        self._mark(changed, self._parts.catalog.explicit_version(index.uuid))
        return changed

    def _mark(self, index: IndexState, version: int) -> None:
        """Write the marker, and wait until the partitions have read it: the next write of this client finds it in force."""
        headers = ((events.OP, b"mapping"), (events.SCHEMA_VERSION, str(version).encode()))
        null = ByteColumn.of([None])
        batch = AppendBatch(null, null, np.array([self._parts.clock_ms()], np.int64), {0: headers})
        for number in range(index.partitions):
            partition = PartitionId(number)
            offset = int(self._parts.log.append(index.topic, partition, batch)[0])
            self._parts.decisions.decisions(index, partition).wait(LogOffset(offset + 1), MARKER_TIMEOUT_S)

    def put_settings(self, name: IndexName, settings: Mapping[str, Any]) -> IndexState:
        """Change dynamic settings."""
        index = self._known(name)
        flat = flatten_settings(settings)
        check_settings({k: v for k, v in flat.items() if v is not None})
        fixed = sorted(setting for setting in flat if is_fixed(setting))
        if fixed:
            shown = ", ".join(f"index.{one}" for one in fixed)
            raise illegal_argument(
                f"Can't update non dynamic settings [[{shown}]] for open indices [[{name}/{index.uuid}]]"
            )
        changed = self._parts.catalog.propose(PutSettings(index.uuid, flat))
        assert changed is not None
        return changed

    def change_aliases(self, actions: Sequence[AliasAction]) -> None:
        """Add and remove aliases, and indices, all at once or not at all."""
        removed = {action.uuid for action in actions if action.kind == "remove_index"}
        gone = [index for index in self.indices() if index.uuid in removed]
        self._parts.catalog.propose(ChangeAliases(actions))
        for index in gone:
            self._clean_up(index)

    def set_closed(self, name: IndexName, closed: bool) -> IndexState:
        """Close an index to the REST side, or open it again. It goes on following its log."""
        changed = self._parts.catalog.propose(SetClosed(self._known(name).uuid, closed))
        assert changed is not None
        return changed

    def put_template(self, template: Template, *, create: bool) -> None:
        """What indices that are created from now on begin with."""
        check_settings(template.settings)
        checked_mapping(template.mappings)
        self._parts.catalog.propose(PutTemplate(template, create))

    def put_cluster_settings(self, settings: Mapping[str, str | None]) -> None:
        """Change settings of the cluster; None takes one away."""
        self._parts.catalog.propose(PutClusterSettings(settings))

    def remove_template(self, kind: str, name: str) -> None:
        """Forget a template. Raises NOT_FOUND."""
        self._parts.catalog.propose(RemoveTemplate(name, kind))

    def _known(self, name: str) -> IndexState:
        index = self.index(name)
        if index is None:
            raise not_found("index_not_found", f"no such index [{name}]", index=name)
        return index


def _partitions(text: str) -> int:
    if not re.fullmatch(r"-?[0-9]{1,9}", text):
        raise illegal_argument(f"Failed to parse value [{text}] for setting [index.number_of_shards]")
    partitions = int(text)
    if partitions < 1:
        raise illegal_argument(f"Failed to parse value [{text}] for setting [index.number_of_shards] must be >= 1")
    if partitions > PARTITIONS_MAX:
        raise illegal_argument(
            f"Failed to parse value [{text}] for setting [index.number_of_shards] must be <= {PARTITIONS_MAX}"
        )
    return partitions


def flatten_settings(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested or dotted settings as flat texts without ``index.``; None stays None (take the setting away)."""
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        path = prefix + name
        if isinstance(value, Mapping):
            flat.update(flatten_settings(value, path + "."))
        else:
            flat.update(flattened(path.removeprefix("index."), value))
    return flat


def flattened(name: str, value: Any) -> dict[str, Any]:
    """A setting as texts: the lists of ``analysis.*`` by their elements, other lists with commas."""
    return dict(analysis.flatten(name, value)) if name.startswith(analysis.PREFIX) else {name: _text(value)}


def is_fixed(name: str) -> bool:
    """Whether an index keeps a setting for life: what it was analysed with decides what is in it, and fields name their similarity."""
    return name in FIXED_SETTINGS or name.startswith((analysis.PREFIX, SIMILARITY_PREFIX))


def check_analysis(settings: Mapping[str, str], mappings: Mapping[str, Any]) -> None:
    """Raise ``illegal_argument`` or ``mapper_parsing`` where an analyzer cannot be built, or a field names one that there is not."""
    analyzers = analyzer_set(analysis.analysis_of(settings))
    analyzers.check()
    _check_wanted(replace(checked_mapping(mappings), similarities=similarities_of(settings)), analyzers)


def _check_wanted(wanted: IndexMapping, analyzers: AnalyzerSet) -> None:
    """Raise where a field, or one that a dynamic template gives, names what there is not: a worker that met it would stop."""
    check_similarities(wanted)
    for form in wanted.dynamic_dates:
        alternatives(form)
    for mapping in (wanted, wanted.samples()):
        analyzers.check_mapping(mapping)
        for one in mapping.leaves():
            if one.type is FieldType.DATE:
                alternatives(one.format)


def _text(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ",".join(map(str, value))
    return None if value is None else str(value)


def check_settings(flat: Mapping[str, Any]) -> None:
    """Raise ``illegal_argument`` in Elasticsearch's words for a setting that does not exist or cannot be read."""
    for name, value in flat.items():
        if name not in KNOWN_SETTINGS and not name.startswith(KNOWN_PREFIXES):
            raise illegal_argument(
                f"unknown setting [index.{name}] please check that any required plugins are installed, or check the "
                "breaking changes documentation for removed settings"
            )
        if name == "number_of_replicas" and not re.fullmatch(r"[0-9]{1,9}", str(value)):
            raise illegal_argument(
                f"Failed to parse value [{value}] for setting [index.number_of_replicas] must be >= 0"
            )
        if name == "refresh_interval":
            refresh_ms(str(value))
        _check_effect(name, value)


def _check_effect(name: str, value: Any) -> None:
    """Raise ``illegal_argument`` for a value that asks for what would not be done, and ``parse`` for default fields that are none."""
    for refused, instead in REFUSED_SETTINGS.items():
        if (name == refused or (refused.endswith(".") and name.startswith(refused))) and value not in {
            None,
            "",
            "_none",
        }:
            raise illegal_argument(f"setting [index.{name}] with value [{value}] is not supported: {instead}")
    if (
        name in BOUNDS
        and value is not None
        and (not re.fullmatch("[0-9]{1,9}", str(value)) or int(value) > BOUNDS[name])
    ):
        raise illegal_argument(
            f"Failed to parse value [{value}] for setting [index.{name}] must be a whole number <= {BOUNDS[name]}, "
            "which is what it is for every index: leave it out"
        )


_UNITS_MS: Mapping[str, float] = {
    "nanos": 1e-6, "micros": 1e-3, "ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000,
}  # fmt: skip


def refresh_ms(text: str) -> int:
    """A time value such as ``1s``, ``100ms`` or ``-1`` in ms. Raises ``illegal_argument``."""
    if text in {"-1", "0"}:
        return int(text)
    for unit in sorted(_UNITS_MS, key=len, reverse=True):
        number = text.removesuffix(unit)
        if number != text and re.fullmatch(r"[0-9]{1,15}(\.[0-9]{1,15})?", number.strip()):
            return int(float(number) * _UNITS_MS[unit])
    raise illegal_argument(
        f"failed to parse setting [index.refresh_interval] with value [{text}] as a time value: unit is missing or unrecognized"
    )
