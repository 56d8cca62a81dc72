"""A process that loads documents on a disk that fails: writes down what was acknowledged, and how it ended.

It opens a node, writes batches with request ids, flushes now and then, and notes every answer in the journal beside the data folder. What is
refused is noted with its sentence, and tried again some times; then it closes. ``python -m tests.recovery.disk_life FOLDER ROUNDS``.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.kernels.cache import default_base, use_cache

use_cache(default_base())

from pipeline.app import Node  # noqa: E402
from pipeline.ingest.ports import Op, Writes  # noqa: E402
from schemas.errors import SedimentError  # noqa: E402
from schemas.outcomes import Result  # noqa: E402
from schemas.records import ByteColumn  # noqa: E402
from tests.pipeline.replay.nodes import BOOKS, create, document, node_in  # noqa: E402

ROWS = 20
TRIES = 80  # a client that keeps its order: the next batch only when this one was taken
FLUSHES = 8  # nothing depends on them
PAUSE_S = 0.25
NOTED: list[int] = []  # the journal's descriptor


def note(**line: Any) -> None:
    """Add a line to the journal; it is not on the disk that fails."""
    for _ in range(3):
        try:
            os.write(NOTED[0], json.dumps(line).encode() + b"\n")
        except OSError:  # this call was the one to fail: strace knows no folders
            continue
        return


def tried(what: str, act: Callable[[], Any], times: int = TRIES) -> bool:
    """Do it, again where it is refused; whether it was done."""
    for _ in range(times):
        try:
            act()
        except SedimentError as error:
            note(refused=what, message=error.message, code=error.code)
            time.sleep(PAUSE_S)
        else:
            return True
    return False


def put(node: Node, number: int) -> list[str]:
    """One batch, the same whenever it is tried; the ids that were acknowledged."""
    index = node.index_state(BOOKS)
    ids = [f"id-{number}-{row}" for row in range(ROWS)]
    writes = Writes(
        np.full(ROWS, Op.INDEX, np.uint8),
        ByteColumn.of([one.encode() for one in ids]),
        ByteColumn.of([document(number * ROWS + row).encode() for row in range(ROWS)]),
        {},
    )
    answer = node.writer.write(index, writes, request_id=f"r-{number}")
    return ids if (answer.results == Result.CREATED).all() else []


def created(node: Node) -> None:
    """The index, unless an earlier try came as far as that; it may not be open yet."""
    if node.indices.index(BOOKS) is None:
        create(node)


def loaded(node: Node, number: int) -> None:
    """One batch, and a note of what it came to."""
    note(acknowledged=put(node, number))


def live(folder: Path, rounds: int) -> int:
    """Load, and say how it went; the exit code."""
    NOTED[:] = [os.open(f"{folder}.journal", os.O_CREAT | os.O_APPEND | os.O_WRONLY)]
    try:
        with node_in(folder) as node:
            if node.indices.index(BOOKS) is None:
                tried("create", lambda: created(node))
            for number in range(rounds):
                tried("write", lambda number=number: loaded(node, number))
                if number % 3 == 2:
                    tried("flush", lambda: node.flush("books", 5.0), FLUSHES)
            note(health=node.log.health().reason, state=[w.freshness().state for w in node.workers("books")])
    except SedimentError as error:
        note(ended=error.message, code=error.code)
        return 3
    note(ended="")
    return 0


if __name__ == "__main__":
    sys.exit(live(Path(sys.argv[1]), int(sys.argv[2])))
