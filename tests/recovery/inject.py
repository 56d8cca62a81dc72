"""A disk that fails once: the nth write or fsync call of a node answers EIO or ENOSPC, by strace's fault injection.

``python -m tests.recovery.inject --all`` goes through the first hundred calls of each kind. After each run a node on a healthy disk opens
what is left: every acknowledged document is there, and the index is equal to a rebuild from the log.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from pipeline.kernels.cache import default_base, use_cache

use_cache(default_base())

from schemas.errors import SedimentError  # noqa: E402
from tests.pipeline.replay.nodes import BOOKS, finished, node_in, settle  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
# which calls write: the log by pwritev2 and fdatasync, small files by fsync, RocksDB by write, pwrite64, fallocate, fdatasync and fsync
CALLS = ("fdatasync", "fsync", "write", "pwritev2", "pwrite64", "fallocate", "sync_file_range", "rename")
ERRORS = ("EIO", "ENOSPC")
ROUNDS = 9
BEYOND_MAX = 6  # calls not reached in a row, then there are no more
RUN_S = 120


@dataclass(frozen=True, slots=True)
class Found:
    """How a run with a failing call ended."""

    hit: bool  # the call was reached and failed
    status: int
    refused: tuple[str, ...]  # sentences
    acknowledged: int
    wrong: str = ""


def missing() -> str:
    """Why there can be no injection here; empty where there can."""
    if shutil.which("strace") is None:
        return "there is no strace: apt-get install strace"
    tried = subprocess.run(
        ["strace", "-f", "-e", "trace=fsync", "-e", "inject=fsync:error=EIO:when=1", "true"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return "" if tried.returncode == 0 else f"strace may not trace here: {tried.stderr.strip()[-200:]}"


def run(folder: Path, call: str, error: str, nth: int, count: int = 1) -> Found:
    """One life with a disk that fails ``count`` times from the nth call on; then what a healthy one finds."""
    data, trace = folder / "data", folder / "trace"
    when = f"{nth}..{nth + count - 1}"

    try:
        done = subprocess.run(
            ["strace", "-f", "-qq", "-y", "-o", str(trace), "-e", f"trace={call}", "-e", f"inject={call}:error={error}:when={when}",
             sys.executable, "-m", "tests.recovery.disk_life", str(data), str(ROUNDS)],
            capture_output=True, text=True, check=False, timeout=RUN_S, cwd=ROOT, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return Found(hit=True, status=-1, refused=(), acknowledged=0, wrong=f"it did not end within {RUN_S} s")
    hit = "(INJECTED)" in trace.read_text(errors="replace")
    journal = Path(f"{data}.journal")
    lines = (
        [json.loads(one) for one in journal.read_text().splitlines() if one.endswith("}")] if journal.exists() else []
    )
    refused = tuple(
        line.get("message") or line.get("ended") for line in lines if "refused" in line or line.get("ended")
    )
    acknowledged = [one for line in lines for one in line.get("acknowledged", [])]
    wrong = ""
    if not any("ended" in line for line in lines) or any("internal error" in sentence for sentence in refused):
        wrong = f"it did not end with a sentence: {done.stderr[-1500:]}"
    return Found(hit, done.returncode, refused, len(acknowledged), wrong or check(data, acknowledged))


def check(data: Path, acknowledged: list[str]) -> str:
    """What is wrong with what a failing disk left; empty where nothing is."""
    try:
        with node_in(data) as node:
            if node.indices.index(BOOKS) is None:
                return "acknowledged documents without an index" if acknowledged else ""
            settle(node)
            places = node.workers("books")[0].locate(acknowledged)
            lost = [one for one, place in zip(acknowledged, places, strict=True) if place is None]
            (job,) = finished(node, list(node.operations.verify(BOOKS, deep=True)))
            if lost:
                return f"{len(lost)} acknowledged documents are lost, such as {lost[0]}"
            return "" if job.report.get("equal") else f"not equal to a rebuild: {job}"
    except SedimentError as error:
        return f"it does not open again: {error.message}"


def outcome_of(found: Found) -> str:
    """One word or two."""
    if found.wrong:
        return "wrong"
    if not found.hit:
        return "not reached"
    return "said" if found.refused else "passed over"


def main() -> int:
    """Go through calls and errors; print what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--all", action="store_true", help="the first 100 calls of each kind, not every 10th of 50")
    parser.add_argument("--seconds", type=float, default=3600.0)
    parser.add_argument("--calls", default=",".join(CALLS))
    arguments = parser.parse_args()
    why = missing()
    if why:
        print(why)
        return 2
    begun, tally, wrong = time.monotonic(), Counter[str](), 0
    numbers = range(1, 101) if arguments.all else range(1, 51, 10)
    plan = [(call, error, nth) for nth in numbers for call in arguments.calls.split(",") for error in ERRORS]
    beyond: Counter[str] = Counter()  # strace counts the calls of each thread: few have a hundred
    for call, error, nth in plan:
        if time.monotonic() - begun > arguments.seconds:
            break
        if beyond[call] >= BEYOND_MAX:
            continue
        folder = Path(tempfile.mkdtemp(prefix="inject-"))
        found = run(folder, call, error, nth)
        tally[f"{call}: {outcome_of(found)}"] += 1
        beyond[call] = 0 if found.hit else beyond[call] + 1
        if found.wrong:
            wrong += 1
            print(f"{call} {error} {nth}: {found}", flush=True)
        shutil.rmtree(folder)
    print(f"{sum(tally.values())} runs in {time.monotonic() - begun:.0f} s, {wrong} wrong")
    for name, count in sorted(tally.items()):
        print(f"  {count:4} {name}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
