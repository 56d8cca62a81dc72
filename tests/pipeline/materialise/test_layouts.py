"""What segments a partition is made of shows in nothing but speed: not in bytes after a forced merge, not in hits and scores, and deleted rows
give back what they took."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.dsl.parse import parse_query
from pipeline.materialise.merge_policy import FAN_IN
from pipeline.materialise.state import Policy
from pipeline.search.searcher import Searcher
from schemas.query import SearchRequest
from tests.pipeline.materialise.model import Record, new_catalog
from tests.pipeline.materialise.simulation import FoldedCatalog, Partition, SimulatedLog

FIELDS = {"t": {"type": "text"}, "n": {"type": "long"}}
WORDS = ["merge", "segment", "of", "live", "rows", "and", "what", "they", "weigh"]
EAGER = Policy(refresh_ms=0, flush_ms=0, flush_bytes=1)  # a commit whenever something came, a merge whenever one is due


def record(number: int, random: Random) -> Record:
    """A document, or the end or a new version of an earlier one."""
    key = b"id-%d" % (number if random.random() < 0.6 else random.randrange(number + 1))
    if random.random() < 0.2:
        return Record(key, None)
    text = " ".join(random.choices(WORDS, weights=range(1, len(WORDS) + 1), k=random.randrange(1, 9)))
    return Record(key, b'{"t":"%s","n":%d}' % (text.encode(), number))


def partition(log: SimulatedLog, **more: Policy) -> Partition:
    """A partition of this log; several may read one."""
    return Partition(log, FoldedCatalog(new_catalog(FIELDS, {})), **more)  # type: ignore[arg-type]


def contents(made: Partition) -> tuple[object, dict[str, tuple[str, bytes]]]:
    """The only segment, but for its id: what describes it, and its arrays' types and bytes."""
    (segment,) = made.worker.machine.segments
    assert segment.dead == 0
    reader = segment.reader
    return reader.meta.documents, {
        name: (str(reader.arrays[name].dtype), reader.arrays[name].tobytes()) for name in sorted(reader.arrays)
    }


def merge_all(made: Partition) -> None:
    """As a forced merge does."""
    made.catch_up()
    made.begin_commit()
    made.run_jobs()
    made.begin_merge(0, 1 << 20)
    made.run_jobs()


@settings(max_examples=20)
@given(st.integers(0, 1 << 30), st.lists(st.tuples(st.integers(1, 30), st.sampled_from("acmj")), max_size=12))
def test_a_forced_merge_gives_the_same_bytes_whatever_happened_before(
    seed: int, history: list[tuple[int, str]]
) -> None:
    """Batches of any size, commits, compactions and merges in between: one segment, equal in every array."""
    random = Random(seed)
    log = SimulatedLog()
    log.put([Record(b"first", b'{"t":"first","n":0}'), *(record(number, random) for number in range(120))])
    plain, stirred = partition(log), partition(log)
    for records, step in history:
        stirred.step(records)
        match step:
            case "c":
                stirred.begin_commit()
            case "m":
                stirred.begin_merge(random.randrange(3), random.randrange(2, 5))
            case "j":
                stirred.begin_compact()
            case _:
                pass
        if random.random() < 0.6:
            stirred.run_jobs()
    for made in (plain, stirred):
        merge_all(made)
    assert contents(stirred) == contents(plain)


QUERIES = (
    {"match": {"t": "merge weigh"}},
    {"match_phrase": {"t": "they weigh"}},
    {"bool": {"must": {"term": {"t": "rows"}}, "filter": {"range": {"n": {"gte": 20}}}}},
    {"prefix": {"t": "w"}},
)


def answers(made: Partition) -> list[tuple[int, list[tuple[int, float | None]]]]:
    """Totals, offsets and scores of all hits, in order."""
    made.worker.refresh()
    searcher = Searcher(made.worker.view)
    found = []
    for body in QUERIES:
        request = SearchRequest(query=parse_query(body), size=500)
        result = searcher.query(request, searcher.statistics(request))
        found.append((result.total, [(hit.offset, hit.score) for hit in result.hits]))
    return found


@pytest.mark.parametrize("seed", range(3))
def test_hits_and_scores_do_not_know_of_merges(seed: int) -> None:
    """While documents come, change and go: before, during and after commits and merges the answers are those of a partition that never
    merges anything."""
    random = Random(seed)
    log = SimulatedLog()
    merging, plain = partition(log, policy=EAGER), partition(log)
    most = 0
    for round_ in range(4 * FAN_IN):
        log.put([record(10 * round_ + n, random) for n in range(10)])
        merging.step()
        plain.step()
        assert answers(merging) == answers(plain)
        if random.random() < 0.7:
            merging.run_job()
            assert answers(merging) == answers(plain)
        merging.now_ms += 1_000
        most = max(most, len(merging.worker.machine.segments))
    merging.run_jobs()
    assert answers(merging) == answers(plain)
    assert len(merging.worker.machine.segments) < len(plain.worker.machine.segments)


def test_deletes_give_their_space_back() -> None:
    """Nine of ten documents go: their rows leave the segments without being asked to, and their bytes the store, but for what is kept of
    deleted ids (their versions go on)."""
    log = SimulatedLog()
    made = partition(log, policy=EAGER)
    random = Random(7)

    def settle() -> tuple[int, int]:
        """Bytes of the segments, and in the store."""
        for _ in range(20):
            made.step()
            made.run_jobs()
            made.now_ms += 1_000
        made.begin_commit()
        made.run_jobs()
        return sum(s.nbytes for s in made.worker.machine.segments), sum(map(len, made.disk.durable.values()))

    for first in range(0, 4_000, 500):
        noise = [random.randbytes(150).hex() for _ in range(500)]
        log.put([Record(b"id-%d" % (first + n), b'{"t":"%s"}' % text.encode()) for n, text in enumerate(noise)])
        made.step()
        made.run_jobs()
    rows, stored = settle()
    log.put([Record(b"id-%d" % n, None) for n in range(4_000) if n % 10])
    rows_left, stored_left = settle()
    assert made.worker.freshness().documents == 400
    assert rows_left < rows // 5
    assert stored_left < stored // 2


def test_small_segments_do_not_pile_up() -> None:
    """A commit for every document, three hundred times: never as many as fifty segments, in memory or stored."""
    log = SimulatedLog()
    made = partition(log, policy=EAGER)
    most = 0
    for number in range(300):
        log.put([Record(b"id-%d" % number, b'{"n":%d}' % number)])
        made.step()
        made.run_jobs()
        made.now_ms += 1_000
        most = max(most, len(made.worker.machine.segments))
    assert most < 50
    assert made.worker.freshness().documents == 300
