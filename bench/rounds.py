"""Sides in processes of their own, in alternating order; medians; tables; the machine that ran them.

A side is a function in a benchmark's module that takes keywords and returns a dictionary of figures. It runs as
``python -m bench.rounds <module>:<function> <keywords as JSON>`` so that no side inherits another's memory, threads or
caches.
"""

import importlib
import importlib.metadata
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "bench" / "results"
MARK = b"RESULT "
VERSIONS = ("tantivy", "rocksdict", "numba", "numpy", "confluent-kafka", "uvicorn")
SIDE_SECONDS_MAX = 3_600


def run_side(target: str, **keywords: Any) -> dict[str, Any]:
    """One side in a process of its own; its figures."""
    command = [sys.executable, "-m", "bench.rounds", target, orjson.dumps(keywords).decode()]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=False, timeout=SIDE_SECONDS_MAX)
    lines = [line for line in done.stdout.splitlines() if line.startswith(MARK)]
    if done.returncode or not lines:
        raise SystemExit(f"{target} failed with exit code {done.returncode}")
    figures: dict[str, Any] = orjson.loads(lines[-1][len(MARK) :])
    return figures


def alternate(sides: Mapping[str, Callable[[], dict[str, Any]]], rounds: int) -> dict[str, list[dict[str, Any]]]:
    """Every side once a round; the order turns around each round, so that a slow minute hits all alike."""
    figures: dict[str, list[dict[str, Any]]] = {name: [] for name in sides}
    for number in range(rounds):
        names = list(sides)[:: -1 if number % 2 else 1]
        for name in names:
            figures[name].append(sides[name]())
            print(f"  round {number + 1}/{rounds}  {name:32} {brief(figures[name][-1])}", flush=True)
    return figures


def brief(figures: Mapping[str, Any]) -> str:
    """The plain numbers of one run in a line."""
    return "  ".join(f"{k}={number(v)}" for k, v in figures.items() if isinstance(v, int | float))


def median_of(runs: Sequence[Mapping[str, Any]], name: str) -> float:
    """The median of one figure over the rounds."""
    return float(statistics.median(run[name] for run in runs))


def number(value: Any) -> str:
    """A figure as a person reads it: three digits that count, thousands grouped."""
    if isinstance(value, float) and abs(value) < 100:
        return f"{value:.3g}"
    return f"{value:,.0f}" if isinstance(value, int | float) else str(value)


def table(headers: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print rows under headers; the first column to the left, figures to the right."""
    cells = [list(headers), *([number(v) for v in row] for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(headers))]
    for at, row in enumerate(cells):
        print("  ".join(c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))))
        if at == 0:
            print("  ".join("-" * w for w in widths))


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """p50, p99 and the number of samples, in microseconds."""
    ordered = sorted(seconds)
    at = [ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))] for share in (0.5, 0.99)]
    return {"p50_us": at[0] * 1e6, "p99_us": at[1] * 1e6, "samples": len(ordered)}


def bytes_below(folder: Path) -> int:
    """Bytes on disk below a folder, as allocated (files that are open and sparse count what they take)."""
    return sum(f.stat().st_blocks * 512 for f in folder.rglob("*") if f.is_file())


def settle() -> None:
    """Write back what the page cache holds, so that one side does not pay for the other's dirty pages."""
    os.sync()


def machine() -> dict[str, Any]:
    """What ran it, and how busy it was with other things."""
    model = next((line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "")
    memory = next((int(line.split()[1]) for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), 0)
    versions = {}
    for name in VERSIONS:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "not installed"
    return {
        "cpu": model or platform.machine(),
        "cores": os.cpu_count(),
        "memory_gb": round(memory / (1 << 20)),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "versions": versions,
        "load_average": [round(x, 2) for x in os.getloadavg()],
    }


def print_machine(facts: Mapping[str, Any]) -> None:
    """The machine in two lines."""
    print(
        f"machine: {facts['cores']} cores ({facts['cpu']}), {facts['memory_gb']} GB, Python {facts['python']}", end=""
    )
    print(f", load average {facts['load_average'][0]} (other work makes figures noisy)")
    print("versions: " + ", ".join(f"{k} {v}" for k, v in facts["versions"].items()))


def save(benchmark: str, started: Mapping[str, Any], content: Mapping[str, Any]) -> Path:
    """Write one run's JSON; ``started`` is ``machine()`` before it."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f"{benchmark}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}.json"
    ended = {"load_average": [round(x, 2) for x in os.getloadavg()]}
    whole = {"benchmark": benchmark, "machine": started, "ended": ended, **content}
    path.write_bytes(orjson.dumps(whole, option=orjson.OPT_INDENT_2))
    print(f"written: {path.relative_to(ROOT)}\n")
    return path


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []


def _main() -> None:
    target, keywords = sys.argv[1:]
    module, function = target.split(":")
    figures = getattr(importlib.import_module(module), function)(**orjson.loads(keywords))
    sys.stdout.flush()
    sys.stdout.buffer.write(MARK + orjson.dumps(figures) + b"\n")


if __name__ == "__main__":
    _main()
