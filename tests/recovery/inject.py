"""A disk that fails once: the nth write or fsync of a node answers EIO or ENOSPC.

``python -m tests.recovery.inject`` takes the first hundred writes and the first hundred fsyncs of a life, each with both errors: 400 runs.
``--sample N`` takes N of them, spread. Which call fails is counted over the process (``failing_disk``); with ``--strace`` strace injects,
which counts for each thread, so that a run may fail several calls. ``--log FILE`` gets a line of JSON per run.

After each run a node on a healthy disk opens what is left. Every acknowledged document is there; the client sends what it has not been
told about again, with the same request ids; then both digests are those of a run on a sound disk, and equal to a rebuild from the log.
"""

import argparse
import errno
import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tests.recovery import disk_life  # kernels are cached from here on

from pipeline import app  # isort: skip
from pipeline.replay import upkeep  # isort: skip
from pipeline.rocks import database  # isort: skip
from pipeline.segments import digest  # isort: skip
from schemas.errors import SedimentError  # isort: skip
from tests.integration.kill_node import warm  # isort: skip
from tests.pipeline.replay.nodes import BOOKS, create, finished, node_in, settle  # isort: skip
from tests.recovery.failing_disk import FAMILIES, Fault, Ran, missing, run  # isort: skip

ERRORS = ("EIO", "ENOSPC")
CALLS = 100
ROUNDS = 36  # more than a hundred calls of each kind
RUN_S = 60.0
CLOSE_S, REFUSING_MS, WATCH_S = 1.0, 500, 0.5
Plan = list[tuple[str, str, int]]  # family, error, number of the call


@dataclass(frozen=True, slots=True)
class Found:
    """How a life with a failing call ended, and what is wrong with what it left; empty where nothing is."""

    family: str
    error: str
    nth: int
    failed: tuple[str, ...]
    status: int
    refused: tuple[str, ...]  # sentences
    acknowledged: int
    seconds: float
    wrong: str

    @property
    def outcome(self) -> str:
        """In one or two words."""
        if self.wrong or not self.failed:
            return "wrong" if self.wrong else "not reached"
        if self.status:
            return "stopped with a sentence"
        return "went on, said" if self.refused else "went on"


def begun_in_a_process(act: Callable[[], Any]) -> tuple[int, int]:
    """Fork, and do it there: this process never opens a store, and stays free of threads. (Process, where its answer is read.)"""
    reader, writer = os.pipe()
    process = os.fork()
    if process == 0:
        try:
            os.close(reader)
            with os.fdopen(writer, "w") as stream:
                stream.write(json.dumps(act()))
        finally:
            os._exit(0)
    os.close(writer)
    return process, reader


def answer_of(process: int, reader: int) -> Any:
    """What a process answered, as JSON has it; None where it ended without an answer."""
    with os.fdopen(reader) as stream:
        answer = stream.read()
    os.waitpid(process, 0)
    return json.loads(answer) if answer else None


def forked(act: Callable[[], Any]) -> Any:
    """What a function answers in a process of its own."""
    return answer_of(*begun_in_a_process(act))


def digests_of(node: Any) -> list[list[Any]]:
    """Documents, level 1 and level 2 of each partition: sequence numbers are in them, offsets are not."""
    settle(node)
    found = []
    for worker in node.workers("books"):
        segments = [(s.reader, s.alive) for s in worker.view.segments]
        found.append(
            [worker.view.documents, *(digest.text_of(level(segments)) for level in (digest.level_1, digest.level_2))]
        )
    return found


def undisturbed(folder: Path) -> tuple[list[list[Any]], dict[str, int]]:
    """The digests of a life on a sound disk, and how many calls it made."""
    ran = run(lambda: disk_life.live(folder / "data", ROUNDS), folder / "data", None, RUN_S)
    assert ran.status == 0, ran

    def look() -> list[list[Any]]:
        with node_in(folder / "data") as node:
            return digests_of(node)

    return forked(look), ran.calls


def check(data: Path, acknowledged: list[str], expected: list[list[Any]]) -> str:
    """What is wrong with what a failing disk left; empty where nothing is."""
    try:
        with node_in(data) as node:
            if node.indices.index(BOOKS) is None:
                if acknowledged:
                    return "acknowledged documents without an index"
                create(node)
            settle(node)
            places = node.workers("books")[0].locate(acknowledged)
            lost = [one for one, place in zip(acknowledged, places, strict=True) if place is None]
            if lost:
                return f"{len(lost)} acknowledged documents are lost, such as {lost[0]}"
            told = {one.split("-")[1] for one in acknowledged}
            for number in range(ROUNDS):
                if str(number) not in told:
                    disk_life.put(node, number)
            found = digests_of(node)
            if found != expected:
                return f"the digests are not those of a sound disk: {found}, not {expected}"
            (job,) = finished(node, list(node.operations.verify(BOOKS, deep=True)))
            return "" if job.report.get("equal") else f"not equal to a rebuild: {job}"
    except SedimentError as error:
        return f"it does not open again: {error.message}"


def tried(
    folder: Path, family: str, error: str, nth: int, expected: list[list[Any]], engine: Callable[..., Ran]
) -> Found:
    """One life with a disk that fails once, and what a healthy one finds."""
    begun = time.monotonic()
    data = folder.resolve() / "data"
    ran = engine(lambda: disk_life.live(data, ROUNDS), data, Fault(family, nth, getattr(errno, error)), RUN_S)
    journal = Path(f"{data}.journal")
    lines = (
        [json.loads(one) for one in journal.read_text().splitlines() if one.endswith("}")] if journal.exists() else []
    )
    refused = tuple(
        line.get("message") or line.get("ended") for line in lines if "refused" in line or line.get("ended")
    )
    acknowledged = [one for line in lines for one in line.get("acknowledged", [])]
    wrong = ""
    if not any("ended" in line for line in lines) or any("internal error" in one or len(one) < 20 for one in refused):
        wrong = f"it did not end with a sentence: status {ran.status}, {lines[-2:]}"
    wrong = wrong or forked(lambda: check(data, acknowledged, expected))
    if wrong is None:
        wrong = "the healthy disk's process ended early"
    seconds = round(time.monotonic() - begun, 2)
    return Found(
        family, error, nth, ran.failed, ran.status, tuple(dict.fromkeys(refused)), len(acknowledged), seconds, wrong
    )


def by_strace(life: Callable[[], int], folder: Path, fault: Fault, seconds: float) -> Ran:
    """The same as ``failing_disk.run`` by strace: the nth call of every thread, whatever file it is about."""
    reader, writer = os.pipe()
    process = os.fork()
    if process == 0:
        status = 1
        try:
            os.read(reader, 1)  # until strace is there
            status = life()
        finally:
            os._exit(status)
    calls = ",".join(sorted(FAMILIES[fault.family]))
    trace = folder.with_name("trace")
    injected = f"inject={calls}:error={errno.errorcode[fault.error]}:when={fault.nth}..{fault.nth + fault.count - 1}"
    tracer = subprocess.Popen(
        ["strace", "-f", "-qq", "-y", "-p", str(process), "-o", str(trace), "-e", f"trace={calls}", "-e", injected],
        stdin=subprocess.DEVNULL,
    )
    killer = threading.Timer(seconds, os.kill, (process, 9))
    try:
        while "TracerPid:\t0" in Path(f"/proc/{process}/status").read_text() and tracer.poll() is None:
            time.sleep(0.002)
        killer.start()
        os.write(writer, b".")
        status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    finally:
        killer.cancel()
        killer.join()
        tracer.wait()
        os.close(reader)
        os.close(writer)
    lines = trace.read_text(errors="replace").splitlines()
    failed = tuple(one.split(maxsplit=1)[1][:120] for one in lines if "(INJECTED)" in one)
    return Ran(status, {}, failed)


def strace_missing() -> str:
    """Why strace cannot be used here; empty where it can."""
    if shutil.which("strace") is None:
        return "there is no strace: apt-get install strace"
    command = ["strace", "-f", "-e", "trace=fsync", "-e", "inject=fsync:error=EIO:when=1", "true"]
    tried = subprocess.run(command, capture_output=True, text=True, check=False)
    return "" if tried.returncode == 0 else f"strace may not trace here: {tried.stderr.strip()[-200:]}"


def hurry() -> None:
    """Look oftener after what is wrong than a server does, and wait for less."""
    database.CLOSE_S = database.FLUSH_FAILED_S = CLOSE_S
    upkeep.REFUSING_MS = REFUSING_MS
    app.WATCH_S = WATCH_S


def plan_of(sample: int) -> Plan:
    """The calls to fail: all, or a spread of them."""
    whole = [(family, error, nth) for nth in range(1, CALLS + 1) for family in FAMILIES for error in ERRORS]
    if not sample:
        return whole
    step = len(whole) / sample
    return [whole[int(step * at + at % 4)] for at in range(sample)]


def gone_through(plan: Plan, expected: list[list[Any]], arguments: argparse.Namespace) -> list[str]:
    """The outcome of each run, as it is counted; as many as there is time for."""
    outcomes, begun = [], time.monotonic()
    for family, error, nth in plan:
        if time.monotonic() - begun > arguments.seconds:
            break
        with tempfile.TemporaryDirectory() as scratch:
            found = tried(Path(scratch), family, error, nth, expected, by_strace if arguments.strace else run)
        outcomes.append(f"{family} {error}: {found.outcome}")
        if arguments.log:
            with arguments.log.open("a") as log:
                log.write(json.dumps(asdict(found) | {"outcome": found.outcome}) + "\n")
        if found.wrong:
            print(f"{family} {error} {nth}: {found}", flush=True)
    return outcomes


def side_by_side(plans: list[Plan], expected: list[list[Any]], arguments: argparse.Namespace) -> list[str]:
    """The outcomes of several plans, each gone through by a process of its own: a life has threads, and must be forked without."""
    begun = [begun_in_a_process(partial(gone_through, plan, expected, arguments)) for plan in plans]
    answers = [answer_of(process, reader) for process, reader in begun]
    return [outcome for one in answers for outcome in (["a process that ended early: wrong"] if one is None else one)]


def main() -> int:
    """Go through the calls; print what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=int, default=0, metavar="N", help="only N of the 400")
    parser.add_argument("--seconds", type=float, default=7200.0)
    parser.add_argument("--parallel", type=int, default=4, metavar="N", help="runs at the same time: they mostly wait")
    parser.add_argument("--strace", action="store_true")
    parser.add_argument("--log", type=Path)
    arguments = parser.parse_args()
    why = strace_missing() if arguments.strace else missing()
    if why:
        print(why)
        return 2
    hurry()
    warm()
    logging.disable(logging.CRITICAL)  # what is refused is said in the journals
    begun, tally, wrong = time.monotonic(), Counter[str](), 0
    with tempfile.TemporaryDirectory() as scratch:
        expected, calls = undisturbed(Path(scratch))
    print(f"a sound disk: {calls}, {expected[0][0]} documents in {time.monotonic() - begun:.1f} s", flush=True)
    plan = plan_of(arguments.sample)
    for outcome in side_by_side(
        [plan[n :: arguments.parallel] for n in range(arguments.parallel)], expected, arguments
    ):
        tally[outcome] += 1
        wrong += outcome.endswith(" wrong")
    print(f"{sum(tally.values())} runs in {time.monotonic() - begun:.0f} s, {wrong} wrong")
    for name, count in sorted(tally.items()):
        print(f"  {count:4} {name}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
