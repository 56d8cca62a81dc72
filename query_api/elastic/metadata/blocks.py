"""Routes that close and open indices, and put blocks on them."""

from collections.abc import Sequence
from typing import Any

from query_api.elastic.admin.indices import ACKNOWLEDGED, states
from query_api.elastic.wire.blocks import BLOCKS, Level, check_blocks
from query_api.elastic.wire.call import Call, Reply
from query_api.elastic.wire.names import OPTIONS, Options
from query_api.elastic.wire.router import Route, Where, route
from query_api.fanout.services import Services
from schemas.errors import illegal_argument


def close(services: Services, call: Call) -> Reply:
    """Close indices: they are neither read nor written until they are opened. Their partitions go on following the log."""
    found = states(services, call, Options(allow_no_indices=False))
    check_blocks(found, Level.METADATA_WRITE)
    shown: dict[str, Any] = {}
    for state in found:
        services.indices.set_closed(state.name, True)
        shown[state.name] = {"closed": True}
    return Reply({**ACKNOWLEDGED, "shards_acknowledged": True, "indices": shown})


def open_(services: Services, call: Call) -> Reply:
    """Open closed indices."""
    found = states(services, call, Options(allow_no_indices=False, open=False, closed=True))
    check_blocks(found, Level.METADATA_WRITE)
    for state in found:
        services.indices.set_closed(state.name, False)
    return Reply({**ACKNOWLEDGED, "shards_acknowledged": True})


def add_block(services: Services, call: Call) -> Reply:
    """Forbid writes, reads or changes of indices."""
    block = call.path["block"]
    if block not in BLOCKS or block == "read_only_allow_delete":
        raise illegal_argument(f"No block found with name {block}")
    found = states(services, call, Options(allow_no_indices=False))
    check_blocks(found, Level.METADATA_WRITE)
    for state in found:
        services.indices.put_settings(state.name, {f"blocks.{block}": "true"})
    shown = [{"name": state.name, "blocked": True} for state in found]
    return Reply({**ACKNOWLEDGED, "shards_acknowledged": True, "indices": shown})


_WAIT = OPTIONS | {"wait_for_active_shards", "wait_for_completion", "task_execution_timeout"}
ROUTES: Sequence[Route] = (
    route("POST", "/{index}/_close", close, _WAIT, where=Where.WRITE),
    route("POST", "/{index}/_open", open_, _WAIT, where=Where.WRITE),
    route("PUT", "/{index}/_block/{block}", add_block, _WAIT, where=Where.WRITE),
)
