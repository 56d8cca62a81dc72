"""Compile every kernel ahead of the first request: `python -m pipeline.kernels.warm`.

A package with kernels has a function that calls each of them once on a small input of the types they are
used with, and is named here. The functions run in worker processes, several at a time; what they compile
stays in the cache folder. A second run finds everything compiled and takes as long as the imports. Then the modules' bytecode is
written, which nobody else does where PYTHONDONTWRITEBYTECODE is set: a start would compile four hundred modules.
"""

import argparse
import compileall
import importlib
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from pipeline.kernels.cache import PACKAGES, ROOT, default_base, release, use_cache

PROCESSES = 2
# "module:function", stage by stage: what a stage compiled the next one loads instead of compiling it beside others;
# in a stage the slowest first, so that it does not end last
WARM_STAGES: tuple[tuple[str, ...], ...] = (
    (
        "pipeline.segments.merge:warm",
        "pipeline.json_columns.extract:warm",
    ),
    (
        "pipeline.search.warm:warm_words",
        "pipeline.search.warm:warm_positions",
        "pipeline.search.warm:warm_columns",
        "pipeline.segments.digest_kernels:warm",
        "pipeline.segments.ids:warm",
        "pipeline.segments.chunks.encodings:warm",
        "pipeline.kernels.warm:warm_shared",
        "pipeline.materialise.decisions.decide_kernels:warm",
    ),
    ("query_api.cli.warmup:warm",),  # the whole: finds what the parts missed
)


def marker(base: Path) -> Path:
    """The file that says that all kernels of this release are compiled under ``base``."""
    modules = dict.fromkeys(name.partition(":")[0] for stage in WARM_STAGES for name in stage)
    return base / f"warm-{release(modules)}"


def warm_shared() -> None:
    """The kernels of this package."""
    import numpy as np

    from pipeline.kernels.crc_kernels import crc32c, crc32c_of_ranges
    from pipeline.kernels.murmur2_kernels import partitions_of_keys

    data = np.zeros(16, np.uint8)
    offsets = np.array([0, 3, 16], np.int64)
    partitions_of_keys(data, offsets, 4)
    crc32c(data, 0, 16, 0)
    crc32c_of_ranges(data, offsets)


def run(name: str, base: Path) -> float:
    """Resolve one name and call it; the seconds it took. Runs in a worker process."""
    started = time.perf_counter()
    use_cache(base)
    module, _, function = name.partition(":")
    getattr(importlib.import_module(module), function)()
    return time.perf_counter() - started


def warm(base: Path, stages: Sequence[Sequence[str]] = WARM_STAGES, processes: int = PROCESSES) -> None:
    """Compile all, with a line of progress for each on standard error."""
    from concurrent.futures import ProcessPoolExecutor, as_completed  # every start asks this module for its marker
    from multiprocessing import get_context

    context = get_context("spawn")  # a fork would inherit kernels declared for another folder
    total, done = sum(map(len, stages)), 0
    with ProcessPoolExecutor(processes, mp_context=context, max_tasks_per_child=1) as pool:
        for names in stages:
            tasks = {pool.submit(run, name, base): name for name in names}
            for task in as_completed(tasks):
                seconds, done = task.result(), done + 1
                progress = f"compiling kernels {done}/{total}"
                print(f"{progress} {tasks[task].partition(':')[0]} {seconds:.1f} s", file=sys.stderr)


def write_bytecode() -> None:
    """What a start imports, compiled; where the folders cannot be written they are left as they are."""
    for package in PACKAGES:
        compileall.compile_dir(ROOT / package, quiet=2)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="compile every kernel ahead of time")
    parser.add_argument("--cache", type=Path, default=default_base())
    parser.add_argument("--processes", type=int, default=PROCESSES)
    arguments = parser.parse_args()
    warm(arguments.cache, processes=arguments.processes)
    write_bytecode()
    marker(arguments.cache).touch()


if __name__ == "__main__":
    main()
