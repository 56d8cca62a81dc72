"""A node whose disk is read-only for a while: what it says meanwhile, and that it goes on by itself.

``python -m tests.recovery.outage FOLDER`` prints what was seen, as JSON. A disk in use cannot be made read-only by mounting it so; here every
write and fsync under the folder answers EROFS as long as the disk is said to be so (``failing_disk``).
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.recovery import inject  # kernels are cached from here on

from query_api.cli.operations.access import Near  # isort: skip
from query_api.cli.serve import open_pipeline  # isort: skip
from schemas.errors import SedimentError  # isort: skip
from tests.integration.kill_node import warm  # isort: skip
from tests.pipeline.replay.nodes import BOOKS, create, document, finished, put, settings_of, settle  # isort: skip
from tests.recovery.failing_disk import Outage, missing, run  # isort: skip

WAIT_S = 40.0


def wait_for(true: Callable[[], bool]) -> None:
    """Until it is so."""
    deadline = time.monotonic() + WAIT_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def live(folder: Path, flag: Path) -> dict[str, Any]:
    """Write, lose the disk, look, get it back, write on."""
    found: dict[str, Any] = {}
    with open_pipeline(settings_of(folder)) as running:
        node, rest = running.node, Near(running.node, running.services)
        create(node)
        put(node, [("first", document(1))])
        settle(node)
        with node.workers("books")[0].exclusive():  # what is applied next is not committed yet when the disk goes
            offset = put(node, [("second", document(2))])[0]
            flag.touch()
        settle(node)
        try:
            put(node, [("third", document(3))])
        except SedimentError as error:
            found["refused"] = error.message
        wait_for(lambda: node.workers("books")[0].freshness().state == "stalled")
        found["health"] = rest.call("GET", "/health")
        found["answered"] = rest.call("POST", "/books/_search", {"query": {"match": {"text": "words"}}})["hits"][
            "total"
        ]["value"]
        flag.unlink()
        wait_for(lambda: node.workers("books")[0].freshness().durable > offset)
        put(node, [("third", document(3))])
        settle(node)
        node.flush("books")
        worker = node.workers("books")[0]
        found["after"] = [worker.freshness().state, worker.freshness().reason, worker.view.documents]
        (job,) = finished(node, list(node.operations.verify(BOOKS, deep=True)))
        found["equal"] = job.report.get("equal")
        running.services.pools.close()
    return found


def main(folder: Path) -> int:
    """Run it, and print what was seen."""
    why = missing()
    if why:
        print(why)
        return 2
    inject.hurry()
    warm()
    flag, seen = folder / "read-only", folder / "seen.json"

    def life() -> int:
        seen.write_text(json.dumps(live(folder / "data", flag)))
        return 0

    ran = run(life, (folder / "data").resolve(), Outage(flag), 120.0)
    print(seen.read_text() if seen.exists() else ran)
    return ran.status


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
