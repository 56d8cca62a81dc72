"""Dead letters sent again: in order, with what they were and where they lay."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.app import Node
from pipeline.replay.redrive import order
from schemas.errors import ErrorKind, SedimentError
from schemas.ids import LogOffset, PartitionId
from tests.pipeline.materialise.simulation import documents_of
from tests.pipeline.replay.nodes import BOOKS, create, finished, node_in, put, settle


def letters(node: Node) -> dict[str, Any]:
    """The dead letters by id."""
    settle(node)
    return {k: json.loads(d.source) for k, d in documents_of(node.workers("books")[0].dead_view).items()}


def test_sent_again_after_a_mapping_change(tmp_path: Path) -> None:
    """In key order; headers but the request id; the letter is gone and the document carries both offsets."""
    with node_in(tmp_path) as node:
        create(node, dynamic="strict")
        first = put(
            node,
            [("a", '{"late":1}'), ("a", '{"late":2}'), (None, '{"late":3}'), ("b", '{"n":"x"}')],
            headers={
                0: (("request-id", b"r1"), ("trace", b"t1")),
                1: (("routing", b"here"), ("version", b"7"), ("version_type", b"external")),
            },
        )
        assert list(letters(node)) == [f"0-{o}" for o in first]
        node.indices.put_mapping(BOOKS, {"properties": {"late": {"type": "long"}}})
        ids = [f"0-{o}" for o in reversed(first)]
        dry = node.operations.redrive(BOOKS, ids, dry_run=True)
        assert [(one.id, one.new_offset, one.result) for one in dry] == [(f"0-{o}", None, "") for o in first]
        assert len(letters(node)) == 4

        done = node.operations.redrive(BOOKS, ids)
        assert [one.offset for one in done] == first
        assert [one.key for one in done] == ["a", "a", f"0-{first[2]}", "b"]
        assert [one.result for one in done] == ["created", "updated", "created", "rejected"]
        assert "failed to parse field [n]" in done[3].reason
        assert list(letters(node)) == [f"0-{done[3].new_offset}"]

        found = documents_of(node.workers("books")[0].view)
        assert found["a"].source == b'{"late":2}'
        assert (found["a"].version, found["a"].offset) == (7, done[1].new_offset)
        assert found[f"0-{first[2]}"].source == b'{"late":3}'
        reader = node.log.reader(
            node.index_state("books").topic, PartitionId(0), LogOffset(int(done[0].new_offset or 0))
        )
        batch = reader.read(records_max=10, bytes_max=1 << 20, timeout_s=1)
        reader.close()
        assert batch.headers[0] == (("trace", b"t1"), ("redriven-from", f"0-{first[0]}".encode()))
        assert [name for name, _ in batch.headers[1]] == ["routing", "version", "version_type", "redriven-from"]
        place = node.workers("books")[0].locate(["a"])[0]
        assert place is not None
        origins = place[0].origins()
        assert origins is not None
        assert origins[place[1]] == f"0-{first[1]}".encode()

        again = node.operations.redrive(BOOKS, [f"0-{done[3].new_offset}"])
        assert again[0].result == "rejected"
        assert list(letters(node)) == [f"0-{again[0].new_offset}"]
        events = node.operations.history(BOOKS, "a")
        assert [(e.result, e.version) for e in events] == [
            ("rejected", -1),
            ("rejected", -1),
            ("created", 1),
            ("updated", 7),
        ]
        assert events[0].reason == "sent again later"
        (job,) = finished(node, list(node.operations.verify(BOOKS, deep=True)))
        assert job.report["equal"]


@pytest.mark.parametrize("identity", ["", "0", "x-1", "0-x", "1-0", "-1-0", "0-"])
def test_what_is_no_dead_letter(identity: str) -> None:
    """The message says how an id looks."""
    with pytest.raises(SedimentError, match="<partition>-<offset>") as raised:
        order([identity], 1)
    assert raised.value.kind is ErrorKind.INVALID


def test_order_is_that_of_the_log() -> None:
    """By partition, then by offset as a number; each once."""
    assert order(["1-2", "0-10", "0-9", "0-10"], 2) == [(0, 9), (0, 10), (1, 2)]


def test_a_record_that_is_gone(tmp_path: Path) -> None:
    """Nothing is sent."""
    with node_in(tmp_path) as node:
        create(node)
        put(node, [("a", "{")])
        settle(node)
        with pytest.raises(SedimentError, match="has no record at 77 any more"):
            node.operations.redrive(BOOKS, ["0-0", "0-77"])
        assert len(letters(node)) == 1
