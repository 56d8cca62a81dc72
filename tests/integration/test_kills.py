"""Twenty kills: a process that loads documents is ended by SIGKILL inside commits, inside merges and at any time; nothing acknowledged is lost.

Each next process opens the same folder and compares the index with the model (see ``kill_node``) before it goes on.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any, Self

import pytest

SEED = 20
LIFE_S_MAX = 40
COMMIT_STEPS = ["commit.put", "commit.put_alive", "commit.commit", "commit.flush", "commit.drop"]
MERGE_STEPS = ["merge.begin", "merge.put", "merge.done"]


def lives() -> list[tuple[str, int, float]]:
    """(steps to be killed at, which of them, or else after how many seconds), shuffled."""
    chosen = random.Random(SEED)
    found = [(step, chosen.randint(1, 5), 0.0) for step in COMMIT_STEPS]
    found += [("commit.", chosen.randint(5, 40), 0.0) for _ in range(3)]
    found += [(step, 1, 0.0) for step in MERGE_STEPS] + [("merge.", 2, 0.0), ("merge.", 4, 0.0)]
    found += [("", 0, chosen.uniform(0.02, 0.8)) for _ in range(7)]
    chosen.shuffle(found)
    return found


class Lives:
    """The process that forks the others."""

    def __init__(self, folder: Path) -> None:
        self.journal = folder / "journal"
        self.journal.touch()
        root = Path(__file__).absolute().parents[2]
        self._nest = subprocess.Popen(
            [sys.executable, "-m", "tests.integration.kill_node", str(folder)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root,
        )  # fmt: skip

    def lines(self) -> list[dict[str, Any]]:
        """The journal."""
        return [json.loads(one) for one in self.journal.read_text().splitlines() if one.endswith("}")]

    def run(self, number: int, probe: str, nth: int, after_s: float, *, last: bool = False) -> int:
        """One life; its exit status."""
        assert self._nest.stdin is not None
        assert self._nest.stdout is not None
        line = json.dumps({"number": number, "probe": probe, "nth": nth, "last": last})
        self._nest.stdin.write(line + "\n")
        self._nest.stdin.flush()
        process = int(self._nest.stdout.readline())
        if after_s:
            self._wait_ready(number)
            time.sleep(after_s)
            os.kill(process, signal.SIGKILL)
        return int(self._nest.stdout.readline())

    def _wait_ready(self, number: int) -> None:
        end = time.monotonic() + LIFE_S_MAX
        while time.monotonic() < end:
            if any(line.get("ready", line.get("failed")) == number for line in self.lines()):
                return
            time.sleep(0.01)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """No more lives."""
        with self._nest:  # closes its pipes; it ends when it has read all
            pass


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_by_kills(tmp_path: Path) -> None:
    """Twenty ends and twenty-one beginnings: documents, versions, sequence numbers, answers and totals as the model says."""
    plan = lives()
    assert len(plan) == 20
    with Lives(tmp_path) as nest:
        for number, (probe, nth, after_s) in enumerate(plan):
            status = nest.run(number, probe, nth, after_s)
            failed = [line for line in nest.lines() if "failed" in line]
            assert not failed, f"{failed[0]['error']}\n{failed[0]['where']}"
            assert status == -signal.SIGKILL
        assert nest.run(len(plan), "", 0, 0.0, last=True) == 0, nest.lines()[-1]
    report(nest.lines())


def report(lines: list[dict[str, Any]]) -> None:
    """Where it was killed, and that the test reached what it is for."""
    killed = Counter(line["killed"] for line in lines if "killed" in line)
    ready = [line for line in lines if "ready" in line]
    print("killed at:", dict(killed), "and at random:", 20 - killed.total())
    print("in the end:", ready[-1])
    print("requests sent again:", sum(line["resent"] for line in ready))
    assert sum(count for step, count in killed.items() if step.startswith("commit.")) >= 5
    assert sum(count for step, count in killed.items() if step.startswith("merge.")) >= 3
    assert killed["commit.flush"] >= 1
    assert ready[-1]["acknowledged"] > 500
    assert ready[-1]["documents"] > 20
