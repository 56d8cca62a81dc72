"""Documents by id: which partition has them is computed, not asked."""

from collections.abc import Sequence
from dataclasses import dataclass

from query_api.fanout.ports import Topology
from schemas.ids import IndexName
from schemas.results import Document
from schemas.routing import partition_of


@dataclass(frozen=True, slots=True)
class Wanted:
    """One document: ``routing`` where it was written with one."""

    id: str
    routing: str | None = None

    @property
    def key(self) -> bytes:
        """What decides the partition."""
        return (self.routing or self.id).encode("utf-8", "replace")


def get_documents(
    topology: Topology,
    index: IndexName,
    wanted: Sequence[Wanted],
    *,
    realtime: bool,
    dead: bool = False,
) -> list[Document | None]:
    """The documents in the order asked for, None where there is none. Raises UNAVAILABLE.

    Dead letters are not placed by their id but lie with the record they came from: every partition is asked.
    """
    searchers = topology.dead_letters(index) if dead else topology.partitions(index)
    found: list[Document | None] = [None] * len(wanted)
    rows_of: dict[int, list[int]] = {}
    for row, one in enumerate(wanted):
        places = range(len(searchers)) if dead else [partition_of(one.key, len(searchers))]
        for place in places:
            rows_of.setdefault(place, []).append(row)
    for place, rows in rows_of.items():
        documents = searchers[place].get([wanted[r].id for r in rows], realtime=realtime)
        for row, document in zip(rows, documents, strict=True):
            found[row] = document or found[row]
    return found


def refresh_for(topology: Topology, index: IndexName, wanted: Sequence[Wanted]) -> None:
    """Make the partitions of these documents visible up to now."""
    searchers = topology.partitions(index)
    for place in {partition_of(one.key, len(searchers)) for one in wanted}:
        searchers[place].refresh()
