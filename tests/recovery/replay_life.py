"""Five lives that end by SIGKILL within a replay, each further than the last; then one that lets it end.

``python -m tests.recovery.replay_life FOLDER`` forks them and prints where each began and stood when it was killed, as JSON lines.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

from tests.recovery import inject  # kernels are cached from here on

from pipeline.app import open_node  # isort: skip
from pipeline.replay.directories import rebuild_of  # isort: skip
from tests.integration.kill_node import warm  # isort: skip
from tests.pipeline.replay.nodes import BOOKS, digests, node_in, settings_of  # isort: skip

LIVES = 5
STEP = 100  # records further, each life
RATE = 300


def live(folder: Path, number: int) -> None:
    """Replay so far, and durably, then be killed."""
    commits: list[float] = []
    node = open_node(
        settings_of(folder), probe=lambda name: commits.append(time.monotonic()) if name == "commit.drop" else None
    )
    (job,) = node.operations.replay(BOOKS, rate=RATE)
    while not job.position and job.state == "running":
        time.sleep(0.005)
        (job,) = node.operations.jobs(BOOKS)
    began = job.position
    while job.position < STEP * (number + 1) and job.state == "running":
        time.sleep(0.01)
        (job,) = node.operations.jobs(BOOKS)
    reached = time.monotonic()
    while sum(at > reached for at in commits) < 2:  # the second one began after that
        time.sleep(0.01)
    print(json.dumps({"began": began, "stood": job.position, "state": job.state}), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)


def last(folder: Path) -> list[tuple[int, str]]:
    """The rebuild of the last life goes on by itself; the digests when it is over."""
    with node_in(folder) as node:
        (job,) = node.operations.jobs(BOOKS)
        while job.state == "running":
            time.sleep(0.02)
            (job,) = node.operations.jobs(BOOKS)
        assert job.state == "done", job
        assert rebuild_of(node.folder(node.index_state(BOOKS)), 0) is None
        return digests(node)


def main(folder: Path) -> None:
    """All lives."""
    warm()
    for number in range(LIVES):
        process = os.fork()
        if process == 0:
            try:
                live(folder, number)
            finally:
                os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == -signal.SIGKILL
    print(json.dumps({"digests": inject.forked(lambda: last(folder))}), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
