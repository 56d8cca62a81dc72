"""When to refresh, commit, compact and merge: a pure decision over what the worker knows.

The worker gathers ``Facts`` after every batch and every tick and carries out the ``Instruction``s; clocks, threads and disks are its business.

*Invariant*: nothing here changes what a record means; these instructions decide only when it becomes visible and durable.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.materialise.merge_policy import Plan, Size, plan
from schemas.ids import LogOffset

SMALL_DOCUMENTS: Final = 6_000  # in-memory segments up to this size are compacted together
SMALL_SEGMENTS_MAX: Final = 6
EARLY: Final = 4  # the refresh interval is so many times shorter while single writes come
IDLE_S: Final = 0.5  # how long a read of the log may wait when nothing is due


@dataclass(frozen=True, slots=True)
class Policy:
    """Settings of a partition's rhythm, ms and bytes; ``refresh_ms`` -1: only when asked."""

    refresh_ms: int = 100
    flush_ms: int = 5_000
    flush_bytes: int = 64 << 20


@dataclass(frozen=True, slots=True)
class Facts:
    """What the worker knows now. Times in ms of a monotonic clock."""

    now_ms: int
    applied: LogOffset
    visible: LogOffset
    committed: LogOffset  # the offset of the newest commit, begun or done; NO_OFFSET: it names segments that were replaced since
    stale: bool  # segments were replaced since the last refresh
    refreshed_ms: int
    committed_ms: int
    unstored_bytes: int
    small_segments: int  # how many lie side by side
    committing: bool  # or compacting, or failed a moment ago
    merging: bool  # or failed a moment ago
    hurried: bool = False  # single writes come: their writers look for them
    stored: Sequence[Size] = ()
    stored_dead: Sequence[Size] = ()  # of the dead letters


@dataclass(frozen=True, slots=True)
class Refresh:
    """Publish a view."""


@dataclass(frozen=True, slots=True)
class Compact:
    """Merge the small in-memory segments into one in the background. A commit does that too."""


@dataclass(frozen=True, slots=True)
class Commit:
    """Store what is new, with the offset that it stands for."""


@dataclass(frozen=True, slots=True)
class Merge:
    """Merge stored segments in the background."""

    plan: Plan
    dead_letters: bool = False


Instruction = Refresh | Compact | Commit | Merge


def instructions(facts: Facts, policy: Policy) -> list[Instruction]:
    """What to do now, in this order."""
    todo: list[Instruction] = []
    commit = _commit_due(facts, policy)
    if facts.small_segments >= SMALL_SEGMENTS_MAX and not facts.committing and not commit:
        todo.append(Compact())
    if _refresh_due(facts, policy):
        todo.append(Refresh())
    todo += _merges(facts)  # before the commit, which drops segments that a plan may name
    if commit:
        todo.append(Commit())
    return todo


def _merges(facts: Facts) -> list[Instruction]:
    """At most one merge: of documents, else of dead letters. It may run beside a commit, or else they would pile up under load."""
    if facts.merging:
        return []
    chosen, chosen_dead = plan(facts.stored), plan(facts.stored_dead)
    if chosen is not None:
        return [Merge(chosen)]
    return [] if chosen_dead is None else [Merge(chosen_dead, dead_letters=True)]


def _refresh_due(facts: Facts, policy: Policy) -> bool:
    if policy.refresh_ms < 0:
        return False
    behind = facts.applied > facts.visible or facts.stale
    return behind and facts.now_ms >= _refresh_ms(facts, policy)


def _refresh_ms(facts: Facts, policy: Policy) -> int:
    """When the next refresh is due."""
    return facts.refreshed_ms + (policy.refresh_ms // EARLY if facts.hurried else policy.refresh_ms)


def _commit_due(facts: Facts, policy: Policy) -> bool:
    if facts.committing or facts.applied <= facts.committed:
        return False
    return facts.unstored_bytes >= policy.flush_bytes or facts.now_ms - facts.committed_ms >= policy.flush_ms


def wait_s(facts: Facts, policy: Policy) -> float:
    """How long a read of the log may wait for records without missing what is due, seconds."""
    due = [IDLE_S]
    if policy.refresh_ms >= 0 and (facts.applied > facts.visible or facts.stale):
        due.append((_refresh_ms(facts, policy) - facts.now_ms) / 1000)
    if not facts.committing and facts.applied > facts.committed:
        due.append((facts.committed_ms + policy.flush_ms - facts.now_ms) / 1000)
    return max(0.0, min(due))
