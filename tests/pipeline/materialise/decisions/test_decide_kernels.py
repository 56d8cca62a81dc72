"""Decisions in log order equal the twin's, however the log is cut into runs."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.materialise.decisions.decide_kernels import decide, mark_dead
from tests.pipeline.materialise.decisions.decide_twin import Model, Write

RESULTS = ["pending", "created", "updated", "deleted", "noop", "not_found", "conflict"]
OPS = ["index", "create", "update", "delete"]
TYPES = ["internal", "external", "external_gte"]
FORGET = 6


@st.composite
def writes(draw: st.DrawFn) -> list[Write]:
    """A log over few ids, with demands of every kind."""
    offset = 0
    log = []
    for _ in range(draw(st.integers(1, 25))):
        offset += draw(st.integers(1, 3))
        write = Write(
            draw(st.sampled_from(["index", "index", "create", "delete"])), draw(st.sampled_from("abc")), offset
        )
        demand = draw(st.integers(0, 5))
        if demand == 0:
            write.if_seq_no = draw(st.integers(0, 12))
            write.if_primary_term = draw(st.sampled_from([None, 1, 2]))
        elif demand == 1:
            write.version_type = draw(st.sampled_from(TYPES[1:]))
            write.version = draw(st.integers(0, 9))
        log.append(write)
    return log


class Kernel:
    """Runs the kernel on runs of a log, keeping per-document state between them as the materialiser does."""

    def __init__(self) -> None:
        self.state: dict[str, tuple[int, int, int, int]] = {}
        self.next_seq_no = 0

    def run(self, run: list[Write]) -> list[tuple[str, int, int]]:
        """Decide one run."""
        ids = sorted({w.id for w in run})
        known = [self.state.get(i, (-1, 0, 1, -1)) for i in ids]
        seq, version, deleted, offset = (np.array([k[c] for k in known], np.int64) for c in range(4))
        gone = deleted.astype(np.uint8)
        n = len(run)
        results, seq_nos, versions = np.zeros(n, np.uint8), np.full(n, -1, np.int64), np.full(n, -1, np.int64)
        touched = np.zeros(len(ids), np.bool_)
        column = lambda get: np.array([-1 if get(w) is None else get(w) for w in run], np.int64)  # noqa: E731
        self.next_seq_no = decide(
            np.array([OPS.index(w.op) for w in run], np.uint8), np.array([ids.index(w.id) for w in run], np.int64),
            column(lambda w: w.offset), column(lambda w: w.if_seq_no), column(lambda w: w.if_primary_term),
            column(lambda w: w.version), np.array([TYPES.index(w.version_type) for w in run], np.uint8), results, seq_nos,
            versions, seq, version, gone, offset, np.full(len(ids), -1, np.int64), touched, self.next_seq_no, 1, FORGET,
        )  # fmt: skip
        for i, name in enumerate(ids):
            self.state[name] = (int(seq[i]), int(version[i]), int(gone[i]), int(offset[i]))
        return [(RESULTS[r], int(s), int(v)) for r, s, v in zip(results, seq_nos, versions, strict=True)]


@given(log=writes(), cut=st.integers(1, 7))
def test_decisions_equal_the_twin(log: list[Write], cut: int) -> None:
    """Any log, cut anywhere, is decided as the twin decides it record by record."""
    model = Model(primary_term=1, forget_after=FORGET)
    expected = [model.apply(w) for w in log]
    kernel = Kernel()
    found = [answer for start in range(0, len(log), cut) for answer in kernel.run(log[start : start + cut])]
    assert found == expected


def test_mark_dead_counts_only_what_was_alive() -> None:
    """A row named twice, or dead already, is not counted again."""
    alive = np.array([True, False, True, True])
    assert mark_dead(alive, np.array([0, 1, 0, 3], np.int64)) == 2
    assert alive.tolist() == [False, False, True, False]
