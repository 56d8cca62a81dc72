"""A process that replays slowly, says how far it is after some records, and waits to be killed."""

import sys
import time
from pathlib import Path

from pipeline.kernels.cache import default_base, use_cache

use_cache(default_base())

from tests.pipeline.replay.nodes import BOOKS, node_in  # noqa: E402


def main(folder: Path, records: int) -> None:
    """Replay the index until so many records are applied durably, say so, and wait."""
    with node_in(folder) as node:
        (job,) = node.operations.replay(BOOKS, rate=300)
        while job.position < records and job.state == "running":
            time.sleep(0.02)
            (job,) = node.operations.jobs(BOOKS)
        time.sleep(0.3)  # a commit or two
        (job,) = node.operations.jobs(BOOKS)
        print(job.position, flush=True)
        time.sleep(600)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
