"""The state machine, as golden scripts: what the worker knows, and what it is told to do."""

from dataclasses import replace

import pytest

from pipeline.materialise.merge_policy import FAN_IN, Plan, Size
from pipeline.materialise.state import (
    IDLE_S,
    SMALL_SEGMENTS_MAX,
    Commit,
    Compact,
    Facts,
    Merge,
    Policy,
    Refresh,
    instructions,
    wait_s,
)
from schemas.ids import LogOffset

POLICY = Policy(refresh_ms=100, flush_ms=5000, flush_bytes=1000)
QUIET = Facts(
    now_ms=10_000,
    applied=LogOffset(7),
    visible=LogOffset(7),
    committed=LogOffset(7),
    stale=False,
    refreshed_ms=10_000,
    committed_ms=10_000,
    unstored_bytes=0,
    small_segments=0,
    committing=False,
    merging=False,
)
FULL = [Size(n, 10, 0, 100) for n in range(FAN_IN)]
PLAN = Plan(tuple(range(FAN_IN)))

# facts that differ from QUIET -> instructions, seconds that a read of the log may wait
SCRIPT: list[tuple[str, dict[str, object], list[object], float]] = [
    ("nothing happened", {}, [], IDLE_S),
    ("records came, it is early", {"applied": 9}, [], 0.1),
    ("records came, some time ago", {"applied": 9, "now_ms": 10_060}, [], 0.04),
    ("single writes come: their refresh is sooner", {"applied": 9, "hurried": True}, [], 0.025),
    ("and due", {"applied": 9, "hurried": True, "now_ms": 10_025}, [Refresh()], 0.0),
    ("the refresh is due", {"applied": 9, "now_ms": 10_100}, [Refresh()], 0.0),
    ("segments were replaced", {"stale": True, "now_ms": 10_100}, [Refresh()], 0.0),
    ("visible, but not committed", {"applied": 9, "visible": 9, "now_ms": 14_900}, [], 0.1),
    ("the commit is due", {"applied": 9, "visible": 9, "now_ms": 15_000}, [Commit()], 0.0),
    ("much is in memory", {"applied": 9, "visible": 9, "unstored_bytes": 1000}, [Commit()], IDLE_S),
    ("nothing new to commit", {"unstored_bytes": 9999, "now_ms": 99_999}, [], IDLE_S),
    ("a commit is under way", {"applied": 9, "visible": 9, "now_ms": 99_999, "committing": True}, [], IDLE_S),
    ("both are due", {"applied": 9, "now_ms": 99_999}, [Refresh(), Commit()], 0.0),
    ("many small segments", {"small_segments": SMALL_SEGMENTS_MAX}, [Compact()], IDLE_S),
    ("not while a commit is under way", {"small_segments": 99, "committing": True}, [], IDLE_S),
    (
        "a commit compacts by itself",
        {"small_segments": 99, "applied": 9, "visible": 9, "unstored_bytes": 1000},
        [Commit()],
        IDLE_S,
    ),
    ("compact beside a refresh", {"small_segments": 99, "applied": 9, "now_ms": 10_100}, [Compact(), Refresh()], 0.0),
    ("a level is full", {"stored": FULL}, [Merge(PLAN)], IDLE_S),
    (
        "a merge is planned before a commit drops segments",
        {"stored": FULL, "applied": 9, "visible": 9, "unstored_bytes": 1000},
        [Merge(PLAN), Commit()],
        IDLE_S,
    ),
    ("under load a merge runs beside a commit", {"stored": FULL, "committing": True}, [Merge(PLAN)], IDLE_S),
    ("a merge is under way", {"stored": FULL, "merging": True}, [], IDLE_S),
    ("dead letters pile up", {"stored_dead": FULL}, [Merge(PLAN, dead_letters=True)], IDLE_S),
    ("documents come first", {"stored": FULL, "stored_dead": FULL}, [Merge(PLAN)], IDLE_S),
]


@pytest.mark.parametrize(("facts", "todo", "wait"), [case[1:] for case in SCRIPT], ids=[case[0] for case in SCRIPT])
def test_the_script(facts: dict[str, object], todo: list[object], wait: float) -> None:
    """Each line: what differs from a quiet partition, what is to be done, how long it may sleep."""
    now = replace(QUIET, **facts)  # type: ignore[arg-type]
    assert instructions(now, POLICY) == todo
    assert wait_s(now, POLICY) == pytest.approx(wait)


def test_without_an_interval_nothing_is_refreshed() -> None:
    """``refresh_interval: -1``: only when asked."""
    now = replace(QUIET, applied=LogOffset(9), now_ms=1 << 40, committed=LogOffset(9))
    assert instructions(now, replace(POLICY, refresh_ms=-1)) == []
    assert wait_s(now, replace(POLICY, refresh_ms=-1)) == IDLE_S
