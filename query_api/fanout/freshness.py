"""How far every partition of an index is; where one has nobody, the error that says so."""

from collections.abc import Sequence

from pipeline.catalog.state import IndexState
from query_api.fanout.services import Services
from schemas.errors import SedimentError
from schemas.results import Freshness


def freshness_of(services: Services, state: IndexState) -> list[Freshness | SedimentError]:
    """One entry per partition, by number."""
    try:
        searchers = services.topology.partitions(state.name)
    except SedimentError as error:
        return [error] * state.partitions
    found: list[Freshness | SedimentError] = []
    for searcher in searchers:
        try:
            found.append(searcher.freshness())
        except SedimentError as error:
            found.append(error)
    return found


def color_of(state: IndexState, partitions: Sequence[Freshness | SedimentError]) -> str:
    """The colour of an index: yellow too where copies are asked for, since there are none."""
    found = status_of(partitions)
    return "yellow" if found == "green" and state.replicas else found


def status_of(partitions: Sequence[Freshness | SedimentError]) -> str:
    """Elasticsearch's colour: red if a partition does not answer or has stopped, yellow while one recovers."""
    if any(not isinstance(p, Freshness) or p.state == "stopped" for p in partitions):
        return "red"
    recovering = any(isinstance(p, Freshness) and p.state != "live" for p in partitions)
    return "yellow" if recovering else "green"
