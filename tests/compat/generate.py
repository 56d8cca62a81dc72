"""Make the small data folder of this version's format, which every later version must open and answer from.

``python -m tests.compat.generate FOLDER`` writes ``v<format>.tar.gz`` and what it answers, ``v<format>.json``. Run it once per format
version, when the format has settled; the files are never changed again. There is none yet: the layout of postings still moves.
"""

import json
import sys
import tarfile
import tempfile
from pathlib import Path

from pipeline.kernels.cache import default_base, use_cache

use_cache(default_base())

from pipeline.segments import digest  # noqa: E402
from tests.pipeline.replay.nodes import create, load, node_in, put, settle  # noqa: E402

FORMAT = 1


def answers(folder: Path) -> dict[str, object]:
    """What a data folder says of itself."""
    with node_in(folder) as node:
        settle(node)
        found = []
        for worker in node.workers("books"):
            segments = [(s.reader, s.alive) for s in worker.view.segments]
            found.append(
                {
                    "offset": int(worker.view.visible),
                    "documents": worker.view.documents,
                    "dead_letters": worker.dead_view.documents,
                    "level_1": digest.text_of(digest.level_1(segments)),
                    "level_2": digest.text_of(digest.level_2(segments)),
                }
            )
    return {"format": FORMAT, "partitions": found}


def main(target: Path) -> None:
    """Make both files."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "data"
        with node_in(folder) as node:
            create(node, 2, dynamic=True)
            load(node, 200)
            load(node, 120, 1)
            put(node, [("late", '{"born":1.5,"list":["x","y"],"deep":{"er":true}}'), (None, '{"n":7}')])
            settle(node)
            node.flush("books")
        for left in folder.rglob("LOG*"):
            left.unlink()
        with tarfile.open(target / f"v{FORMAT}.tar.gz", "w:gz") as archive:
            archive.add(folder, "data")
        (target / f"v{FORMAT}.json").write_text(json.dumps(answers(folder), indent=2) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
