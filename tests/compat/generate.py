"""Make the small data folder of this version's formats, which every later version must open and answer from.

``python -m tests.compat.generate FOLDER`` writes ``v<n>.tar.gz`` (partitions and embedded log), and ``v<n>.json``: the versions of the
formats and what the folder answers. Run it once after a format got a new version; the files are never changed again.
"""

import json
import sys
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from pipeline.kernels.cache import default_base, use_cache

use_cache(default_base())

import numpy as np  # noqa: E402

from pipeline.app import Node  # noqa: E402
from pipeline.log.files.file import FORMAT_VERSION as LOG_VERSION  # noqa: E402
from pipeline.segments import digest  # noqa: E402
from pipeline.segments.format import FORMAT_VERSION as SEGMENT_VERSION  # noqa: E402
from pipeline.segments.manifest import DESCRIPTOR_VERSION, MANIFEST_VERSION  # noqa: E402
from query_api.cli.operations.access import Near  # noqa: E402
from query_api.cli.serve import open_pipeline  # noqa: E402
from schemas.settings import LimitSettings  # noqa: E402
from tests.pipeline.replay.nodes import BOOKS, digests, finished, put, settings_of, settle  # noqa: E402

NEWEST: Final = 3
DEADLINE_MS: Final = 600_000  # of a search: where kernels are new, the first one waits until they are compiled
FORMATS: Final = {
    "log": LOG_VERSION,
    "manifest": MANIFEST_VERSION,
    "descriptor": DESCRIPTOR_VERSION,
    "segment": SEGMENT_VERSION,
}
SETTINGS: Final = {
    "number_of_shards": 2,
    "analysis": {"analyzer": {"folded": {"tokenizer": "standard", "filter": ["lowercase", "asciifolding"]}}},
}
MAPPING: Final = {
    "properties": {
        "n": {"type": "long"},
        "price": {"type": "double"},
        "born": {"type": "date"},
        "address": {"type": "ip"},
        "free": {"type": "boolean"},
        "word": {"type": "keyword"},
        "text": {"type": "text"},
        "title": {"type": "text", "analyzer": "folded", "fields": {"raw": {"type": "keyword"}}},
    }
}
SEARCHES: Final[dict[str, dict[str, Any]]] = {
    "scores": {"query": {"match": {"text": "number four words"}}, "size": 5},
    "phrase": {"query": {"match_phrase": {"text": "words of number"}}, "size": 3, "sort": [{"n": "desc"}, {"word": "asc"}]},
    "folded": {"query": {"match": {"title": "cafe"}}, "highlight": {"fields": {"title": {}}}, "size": 3},
    "ranges": {
        "query": {"bool": {"filter": [{"range": {"born": {"gte": "2021-01-05"}}}, {"term": {"free": True}}]}},
        "sort": [{"price": "asc"}, {"n": "asc"}],
        "size": 4,
    },
    "addresses": {"query": {"term": {"address": "10.0.0.0/29"}}, "size": 0, "track_total_hits": True},
    "patterns": {"query": {"wildcard": {"title.raw": "*é 1*"}}, "size": 2, "sort": [{"n": "asc"}]},
    "dynamic": {"query": {"term": {"deep.er": True}}},
    "counts": {
        "size": 0,
        "aggs": {
            "words": {"terms": {"field": "word"}, "aggs": {"price": {"stats": {"field": "price"}}}},
            "days": {"date_histogram": {"field": "born", "calendar_interval": "month"}},
        },
    },
}  # fmt: skip
# arrays that hang on the release of a compressing library, too
COMPRESSED: Final = frozenset({"source/data", "source/blocks"})


@contextmanager
def opened(folder: Path) -> Iterator[tuple[Node, Near]]:
    """A node over a folder, and its REST side."""
    with open_pipeline(replace(settings_of(folder), limits=LimitSettings(search_timeout_ms=DEADLINE_MS))) as running:
        yield running.node, Near(running.node, running.services)
        running.services.pools.close()


def document(n: int) -> str:
    """A document with a value of every type."""
    fields = {
        "n": n,
        "price": n * 0.25,
        "born": f"2021-{1 + n % 3:02}-{1 + n % 28:02}T10:00:00Z",
        "address": f"10.0.0.{n % 32}",
        "free": n % 2 == 0,
        "word": f"w{n % 5}",
        "text": f"some words of number {n % 11} and {'four ' * (n % 4)}",
        "title": f"Café {n}",
    }
    return json.dumps(fields, ensure_ascii=False)


def load(node: Node, count: int, partition: int) -> None:
    """Documents in several segments, updates of all kinds, deletions, conflicts and dead letters."""
    for start in range(0, count, 40):
        put(node, [(f"id-{n}", document(n)) for n in range(start, min(count, start + 40))], partition)
        settle(node)
        node.flush("books")
    put(node, [(f"id-{n}", document(n + 1)) for n in range(0, count, 3)], partition)
    put(node, [(f"id-{n}", None) for n in range(0, count, 10)], partition)
    update = (("op", b"update"), ("request-id", b"r-1"))
    put(node, [("id-7", '{"doc":{"word":"changed"}}')], partition, {0: update})
    put(node, [("id-8", document(8))], partition, {0: (("op", b"create"),)})  # it is there: a conflict
    put(node, [("id-9", document(900))], partition, {0: (("version", b"90"), ("version_type", b"external"))})
    put(node, [("far", document(77))], partition, {0: (("routing", b"elsewhere"),)})
    put(
        node,
        [("bad", '{"n":"x"}'), ("bad", "{"), ("late", '{"ratio":1.5,"list":["x","y"],"deep":{"er":true}}')],
        partition,
    )
    put(node, [(None, '{"n":7}')], partition)
    settle(node)


def answers(folder: Path) -> dict[str, Any]:
    """What a data folder says of itself."""
    with opened(folder) as (node, rest):
        settle(node)
        partitions = [partition_of(worker) for worker in node.workers("books")]
        searches = {name: plain(rest.call("POST", "/books/_search", body)) for name, body in SEARCHES.items()}
        dead = rest.call("POST", "/books.dead/_search", {"sort": [{"offset": "asc"}, {"partition": "asc"}]})
        return {
            "partitions": partitions,
            "mapping": rest.call("GET", "/books/_mapping"),
            "searches": searches,
            "documents": [plain(rest.call("GET", f"/books/_doc/{one}")) for one in ("id-7", "id-9")],
            "dead_letters": [one["_source"] for one in dead["hits"]["hits"]],
            "trace": rest.call("GET", "/_sediment/indices/books/_history/id-9"),
        }


def partition_of(worker: Any) -> dict[str, Any]:
    """Offsets, counts and digests of a partition, from its segments."""
    segments = [(s.reader, s.alive) for s in worker.view.segments]
    assert worker.freshness().digest == digest.text_of(digest.level_1(segments))
    return {
        "offset": int(worker.view.visible),
        "documents": worker.view.documents,
        "dead_letters": worker.dead_view.documents,
        "level_1": digest.text_of(digest.level_1(segments)),
        "level_2": digest.text_of(digest.level_2(segments)),
    }


def plain(answer: Any) -> Any:
    """An answer without what may change from one opening to the next: times, and the names of segments."""
    if isinstance(answer, dict):
        return {name: plain(value) for name, value in answer.items() if name not in {"took", "segment"}}
    return [plain(one) for one in answer] if isinstance(answer, list) else answer


def rebuilt(folder: Path) -> list[dict[str, str]]:
    """The arrays of each partition as this program makes them from the log: one segment's, by name, with type and checksum."""
    found = []
    with opened(folder) as (node, _):
        assert all(job.state == "done" for job in finished(node, list(node.operations.replay(BOOKS))))
        for worker in node.workers("books"):
            worker.force_merge(1)
            (segment,) = worker.view.segments
            assert not segment.dead, "a merge drops what is dead"
            found.append(
                {n: shown(segment.reader.arrays[n]) for n in sorted(segment.reader.arrays) if n not in COMPRESSED}
            )
    return found


def shown(array: Any) -> str:
    """Type, length and checksum of an array."""
    return f"{array.dtype.str} {len(array)} {zlib.crc32(np.ascontiguousarray(array).tobytes()):08x}"


def main(target: Path) -> None:
    """Make both files."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "data"
        with opened(folder) as (node, _):
            node.indices.create(BOOKS, SETTINGS, MAPPING)
            load(node, 160, 0)
            load(node, 90, 1)
            assert all(job.state == "done" for job in finished(node, list(node.operations.replay(BOOKS, partition=1))))
            put(node, [("id-11", document(12))], 1)  # the directory 1.a goes on after its swap
            node.indices.put_mapping(BOOKS, {"properties": {"later": {"type": "keyword"}}})
            assert len(digests(node)) == 2
            node.flush("books")
        for left in folder.rglob("LOG*"):
            left.unlink()
        with tarfile.open(target / f"v{NEWEST}.tar.gz", "w:gz") as archive:
            archive.add(folder, "data")
        kept = {"formats": FORMATS, **answers(folder), "rebuilt": rebuilt(folder)}
        (target / f"v{NEWEST}.json").write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
