"""What an index's mapping was when its partitions stood where they are shown: by the places at which its fields were found."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from pipeline.catalog.state import CatalogState, IndexState
from schemas.errors import SedimentError
from schemas.ids import IndexName, LogOffset, PartitionId, SchemaVersion, TopicName
from schemas.mapping import IndexMapping

Until = Mapping[tuple[TopicName, PartitionId], LogOffset]


def mapping_before(index: IndexState, known: IndexMapping | None, mapping: IndexMapping, until: Until) -> IndexMapping:
    """A partition's mapping without the fields that came later. A worker knows all fields that were ever found, since each is indexed as it
    was first defined; ``known`` is the mapping of the explicit version that holds at its offset.
    """

    def was_there(path: str) -> bool:
        if known is not None and path in known.fields:
            return True
        place = index.found_at.get(path)
        if place is None:
            return False  # a later change of the mapping brought it
        end = until.get((index.topic, PartitionId(place[0])))
        return end is None or place[1] < end

    return replace(mapping, fields={path: one for path, one in mapping.fields.items() if was_there(path)})


def state_before(
    state: CatalogState, until: Until, mappings: Callable[[IndexName], Sequence[tuple[int, IndexMapping]]]
) -> CatalogState:
    """The catalog with each index that is shown as it was under the mapping that it had then.

    ``mappings``: schema version and mapping of each partition of an index as it is shown; raises where it is not open.
    """
    topics = {topic for topic, _ in until}
    shown = dict(state.indices)
    for name, index in state.indices.items():
        if index.topic not in topics:
            continue
        try:
            found = sorted(mappings(index.name), key=lambda one: one[0])
        except SedimentError:
            continue
        if found:
            version, newest = found[-1]
            fields = {path: one for _, mapping in found for path, one in mapping.fields.items()}
            shown[name] = replace(index, mapping=newest.with_fields(fields), schema_version=SchemaVersion(version))
    return replace(state, indices=shown)
