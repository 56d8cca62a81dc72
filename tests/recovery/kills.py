"""Two hundred kills: lives of a node that end by SIGKILL inside commits, merges and closing, at opening and at any time; then the digests.

``python -m tests.recovery.kills [--kills 200] [--seconds 600]`` runs histories of twenty kills each. Within a history every life opens the
same folder, compares everything with the model and the journal (``tests.integration.kill_node``), and loads until it is killed. At the end
of a history the log is read by a node that was never disturbed, into an empty folder: level 1 and 2 digests must be equal.

Prints how many kills there were at each step, and exits 1 where anything differed.
"""

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

from pipeline.kernels.cache import default_base, use_cache

use_cache(default_base())

from pipeline.app import open_node  # noqa: E402
from pipeline.segments import digest  # noqa: E402
from schemas.settings import LogSettings, ServeSettings  # noqa: E402
from tests.integration import kill_node  # noqa: E402
from tests.integration.kill_node import Journal, Probe, check, live, resend, row_of, settings_of, warm, write  # noqa: E402

HISTORY = 20
LIFE_S_MAX = 60.0
PLAN = [
    *(("commit.put", 4), ("commit.put_alive", 3), ("commit.commit", 3), ("commit.flush", 4), ("commit.drop", 2)),
    *(("merge.begin", 2), ("merge.put", 3), ("merge.done", 2), ("close", 4), ("open", 2), ("", 6)),
]
Digests = list[tuple[int, str, str]]


def end_within(folder: Path, life: dict[str, Any]) -> None:
    """A life whose end comes while it closes, or (``open``) while it opens and catches up."""
    journal = Journal(folder / "journal")
    probe = Probe(journal, "commit.", life["nth"])
    probe.armed = life["step"] == "open"
    node = open_node(settings_of(folder), probe=probe)
    if node.indices.index("books") is None:
        node.indices.create("books", {"number_of_shards": kill_node.PARTITIONS}, {"properties": kill_node.PROPERTIES})
    resend(node, journal)
    assert node.wait_applied("books", 30.0)
    node.refresh("books")
    journal.put(ready=life["number"], **check(node, journal))
    chosen = random.Random(life["number"])
    write(node, journal, f"{life['number']}-end", [row_of(chosen) for _ in range(kill_node.ROWS)])
    probe.armed = True
    node.close()
    journal.put(killed=f"{life['step']}: closed before")
    os.kill(os.getpid(), signal.SIGKILL)


def run(folder: Path, life: dict[str, Any]) -> int:
    """Fork one life and wait for its end; its exit status."""
    process = os.fork()
    if process == 0:
        try:
            (end_within if life["step"] in {"close", "open"} else live)(folder, life)
        except BaseException as error:  # whatever it was, the parent must read it
            Journal(folder / "journal").put(failed=life["number"], error=repr(error), where=traceback.format_exc())
            os._exit(1)
        os._exit(0)
    deadline = time.monotonic() + (life["after_s"] or LIFE_S_MAX)
    while time.monotonic() < deadline:
        ended, status = os.waitpid(process, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.kill(process, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def digests(folder: Path, log: str = "") -> Digests:
    """What a node says that opens this folder: offset and both digests of each partition. In a process of its own."""
    reader, writer = os.pipe()
    process = os.fork()
    if process == 0:
        node = open_node(ServeSettings(data=str(folder), log=LogSettings(path=log)))
        assert node.wait_applied("books", 60.0)
        node.refresh("books")
        found = []
        for worker in node.workers("books"):
            view = worker.view
            segments = [(s.reader, s.alive) for s in view.segments]
            both = (digest.text_of(level(segments)) for level in (digest.level_1, digest.level_2))
            found.append([int(view.visible), *both])
        node.close()
        os.write(writer, json.dumps(found).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as stream:
        answer = stream.read()
    os.waitpid(process, 0)
    return [(o, one, two) for o, one, two in json.loads(answer)]


def history(folder: Path, seed: int) -> tuple[Counter[str], bool, int]:
    """Twenty kills; where they fell, whether all was well, and how many records there were."""
    chosen = random.Random(seed)
    (folder / "journal").touch()
    steps = chosen.choices([s for s, _ in PLAN], [w for _, w in PLAN], k=HISTORY)
    where: Counter[str] = Counter()
    for number, step in enumerate(steps):
        after_s = chosen.uniform(0.3, 2.5) if not step else 0.0
        nth = 1 + chosen.randrange(12 if step.startswith("commit") else 3)
        life = {"number": number, "step": step, "probe": step, "nth": nth, "last": False, "after_s": after_s}
        status = run(folder, life)
        lines = Journal(folder / "journal").lines
        failed = [line for line in lines if "failed" in line]
        if status != -signal.SIGKILL or failed:
            print(f"seed {seed}, life {number} ({step}): status {status}, {failed}", flush=True)
            return where, False, 0
        where[step or "any time"] += 1
    disturbed = digests(folder / "data")
    undisturbed = digests(folder / "fresh", str(folder / "data" / "log"))
    if disturbed != undisturbed:
        print(f"seed {seed}: digests differ: {disturbed} {undisturbed}", flush=True)
    return where, disturbed == undisturbed, sum(offset for offset, _, _ in disturbed)


def main() -> int:
    """Run histories until there were enough kills or time is up."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    warm()
    where: Counter[str] = Counter()
    records, begun, sound = 0, time.monotonic(), True
    for number in range(-(-arguments.kills // HISTORY)):
        if time.monotonic() - begun > arguments.seconds:
            break
        folder = Path(tempfile.mkdtemp(prefix="kills-"))
        fell, equal, applied = history(folder, arguments.seed + number)
        where += fell
        records += applied
        sound = sound and equal
        print(
            f"history {number}: {fell.total()} kills, {applied} records, {'equal' if equal else 'DIFFERENT'}",
            flush=True,
        )
        if equal:
            shutil.rmtree(folder)
    print(
        f"{where.total()} kills in {time.monotonic() - begun:.0f} s, {records} records; {dict(sorted(where.items()))}"
    )
    return 0 if sound else 1


if __name__ == "__main__":
    sys.exit(main())
