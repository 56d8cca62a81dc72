"""The commit corpus replayed from the beginning and from the middle, on the embedded log and on Kafka with aborted transactions."""

import os
import time
from pathlib import Path

import pytest

from pipeline.replay import directories
from pipeline.segments import digest
from schemas.settings import IndexSettings, LogSettings, ServeSettings
from tests.pipeline.replay.nodes import BOOKS, finished, node_in, settle
from tests.recovery.corpus import Rows, append, create, rows_of
from tests.recovery.transactions import produce

KAFKA_DOCUMENTS = int(os.environ.get("SEDIMENT_KAFKA_DOCUMENTS", "3000"))  # 85602: the whole corpus


def both_digests(node: object) -> tuple[str, str]:
    """Level 1 and 2 of the only partition, from its segments."""
    settle(node)  # type: ignore[arg-type]
    (worker,) = node.workers("books")  # type: ignore[attr-defined]
    segments = [(s.reader, s.alive) for s in worker.view.segments]
    one, two = digest.text_of(digest.level_1(segments)), digest.text_of(digest.level_2(segments))
    assert worker.freshness().digest == one
    return one, two


@pytest.mark.slow
def test_from_the_beginning_and_from_the_middle(shared_data: Path, tmp_path: Path) -> None:
    """85,602 documents, a third updated, a tenth deleted: five ways to the same digests."""
    rows = rows_of(shared_data)
    assert sum(v is not None for _, v in rows) > 85_602 + 28_000
    middle = len(rows) // 2
    with node_in(tmp_path) as node:
        create(node)
        begun = time.monotonic()
        append(node, rows)
        settle(node)
        first_s = time.monotonic() - begun
        whole = both_digests(node)
        (job,) = finished(node, list(node.operations.verify(BOOKS, deep=True)))
        assert job.report["equal"]
        begun = time.monotonic()
        (job,) = finished(node, list(node.operations.replay(BOOKS)))
        assert job.state == "done", job
        replayed_s = time.monotonic() - begun
        assert both_digests(node) == whole
        node.operations.rebuild_until(BOOKS, middle, 0)
        folder = node.folder(node.index_state("books"))
        live = folder / directories.current_directory(folder, 0)
    print(f"{len(rows)} records: first {first_s:.1f} s, replayed {replayed_s:.1f} s")
    live.rename(tmp_path / "put-aside")
    (folder / directories.until_directory(0, middle)).rename(live)
    with node_in(tmp_path) as node:
        assert both_digests(node) == whole
    with node_in(tmp_path / "fresh", path=str(tmp_path / "log")) as node:
        assert both_digests(node) == whole


@pytest.mark.slow
def test_on_kafka_with_aborted_transactions(shared_data: Path, tmp_path: Path, kafka: str) -> None:
    """Every third transaction is aborted: offsets have holes, the digests are those of the embedded log without them."""
    from pipeline.app import open_node

    rows = rows_of(shared_data, KAFKA_DOCUMENTS)
    with node_in(tmp_path / "embedded") as node:
        create(node)
        append(node, rows)
        expected = both_digests(node)
    log = LogSettings(topic_prefix="recovery-")
    index = IndexSettings(refresh_ms=20, flush_ms=30, verify_ms=-1)
    transactions: list[tuple[Rows, bool]] = []
    for start in range(0, len(rows), 200):
        part = rows[start : start + 200]
        transactions += [(part, True), (part[:50], False)] if start % 600 == 0 else [(part, True)]
    digests = []
    for life in ("first", "second"):
        node = open_node(ServeSettings(data=str(tmp_path / life), kafka=kafka, log=log, index=index))
        try:
            if life == "first":
                create(node)
                produce(node.log, kafka, node.index_state("books").topic, transactions)
            digests.append(both_digests(node))
            (worker,) = node.workers("books")
            assert worker.freshness().end > len(rows)
            (job,) = finished(node, list(node.operations.verify(BOOKS, deep=True)))
            assert job.report["equal"], job
            (job,) = finished(node, list(node.operations.replay(BOOKS)))
            assert job.state == "done", job
            digests.append(both_digests(node))
            until = int(worker.freshness().end) // 2
            one, _ = node.operations.rebuild_until(BOOKS, until, 0)
            assert node.operations.rebuild_until(BOOKS, until, 0)[0] == one
        finally:
            node.close()
    assert digests == [expected] * 4
