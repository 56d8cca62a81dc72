"""Blocks of an index (``index.blocks.*``) and closed ones: what may not be done, in Elasticsearch's words. They hold on the REST side."""

from collections.abc import Iterable
from enum import Enum
from typing import Final, NamedTuple

from pipeline.catalog.state import IndexState
from query_api.elastic.wire.names import closed
from schemas.errors import ErrorKind, SedimentError


class Level(Enum):
    """What is about to be done."""

    READ = "read"
    WRITE = "write"
    METADATA_READ = "metadata_read"
    METADATA_WRITE = "metadata_write"


class _Block(NamedTuple):
    status: int
    number: int
    words: str
    levels: frozenset[Level]


_CHANGES: Final = frozenset({Level.WRITE, Level.METADATA_WRITE})
BLOCKS: Final = {
    "read_only": _Block(403, 5, "index read-only (api)", _CHANGES),
    "read": _Block(403, 7, "index read (api)", frozenset({Level.READ})),
    "write": _Block(403, 8, "index write (api)", frozenset({Level.WRITE})),
    "metadata": _Block(403, 9, "index metadata (api)", frozenset({Level.METADATA_READ, Level.METADATA_WRITE})),
    "read_only_allow_delete": _Block(
        429, 12, "disk usage exceeded flood-stage watermark, index has read-only-allow-delete block", _CHANGES
    ),
}
_CLASSES: Final = {403: "FORBIDDEN", 429: "TOO_MANY_REQUESTS"}


def blocks_of(state: IndexState) -> list[str]:
    """The names of the blocks that are on."""
    return [name for name in BLOCKS if state.setting(f"blocks.{name}", "false") == "true"]


def check_block(state: IndexState, level: Level, *, deletes: bool = False) -> None:
    """Raises ``cluster_block``, and ``index_closed`` for documents of a closed index. ``deletes``: the whole index is to go."""
    if state.closed and level in {Level.READ, Level.WRITE}:
        raise closed(state)
    found = [BLOCKS[name] for name in blocks_of(state) if not (deletes and name == "read_only_allow_delete")]
    found = [block for block in found if level in block.levels]
    if found:
        worst = max(block.status for block in found)
        words = "".join(f" [{_CLASSES[b.status]}/{b.number}/{b.words}];" for b in found)
        kind = ErrorKind.OVERLOADED if worst == 429 else ErrorKind.FORBIDDEN
        raise SedimentError(
            kind,
            "cluster_block",
            f"index [{state.name}] blocked by:{words}",
            details={"index": state.name, "index_uuid": state.uuid},
        )


def check_blocks(states: Iterable[IndexState], level: Level) -> None:
    """The same for several indices."""
    for state in states:
        check_block(state, level)
