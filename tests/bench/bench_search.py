"""How fast queries are in process: `python tests/bench/bench_search.py [copies] [seconds per class]`.

Prints microseconds of processor time (p50, p99) for classes of queries on
one segment of the commit corpus, `copies` times over: statistics + query as a partition answers
them, the ten best hits. Words are drawn by document frequency with a fixed seed.
"""

import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import zstandard

from pipeline.kernels.cache import default_base, use_cache

use_cache(default_base())
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from bench.corpus import required_commits  # noqa: E402
from pipeline.search.searcher import Searcher  # noqa: E402
from schemas.mapping import parse_mapping  # noqa: E402
from schemas.query import (  # noqa: E402
    Bool,
    Match,
    MatchAll,
    MatchPhrase,
    Node,
    Operator,
    Range,
    SearchRequest,
    SortKey,
    Term,
)
from tests.oracle.views import build_view  # noqa: E402

MAPPING = parse_mapping({
    "dynamic": False,
    "properties": {
        "repo": {"type": "keyword"}, "ts": {"type": "date", "format": "epoch_second"}, "subject": {"type": "text"},
        "body": {"type": "text"},
    },
})  # fmt: skip
QUERIES = 60


def open_corpus(copies: int) -> tuple[Searcher, list[bytes]]:
    packed = required_commits().read_bytes()
    lines = zstandard.ZstdDecompressor().decompressobj().decompress(packed).splitlines() * copies
    view = build_view(MAPPING, [[(i, f"{i:08x}", line) for i, line in enumerate(lines)]])
    return Searcher(view), lines


class Words:
    """Words of the body by document frequency, as a share of the documents."""

    def __init__(self, searcher: Searcher) -> None:
        reader = searcher.view.segments[0].reader
        terms, postings = reader.terms("body"), reader.postings("body")
        assert terms is not None
        assert postings is not None
        self._terms = terms
        self._share = postings.df / reader.documents
        self._random = np.random.default_rng(7)

    def draw(self, low: float, high: float, count: int = 1) -> str:
        chosen = self._random.choice(np.flatnonzero((self._share >= low) & (self._share < high)), count, replace=False)
        return " ".join(self._terms.term(int(t)).decode() for t in chosen)


def classes(words: Words, lines: Sequence[bytes]) -> dict[str, Callable[[], SearchRequest]]:
    random = np.random.default_rng(11)

    def request(query: Node, **options: object) -> SearchRequest:
        return SearchRequest(query=query, **options)  # type: ignore[arg-type]

    def body(text: str, operator: Operator = Operator.OR) -> Match:
        return Match(field="body", text=text, operator=operator)

    def phrase() -> MatchPhrase:
        while True:
            tokens = json.loads(lines[int(random.integers(len(lines)))])["body"].split()
            if len(tokens) > 3:
                at = random.integers(len(tokens) - 2)
                return MatchPhrase(field="body", text=" ".join(tokens[at : at + 2]))

    def filtered() -> Bool:
        start = int(random.integers(1_200_000_000, 1_600_000_000))
        limits = (Term(field="repo", value="git"), Range(field="ts", gte=start, lt=start + 100_000_000))
        return Bool(must=(body(words.draw(0.005, 0.1, 2)),), filter=limits)

    return {
        "term, frequent": lambda: request(body(words.draw(0.05, 1))),
        "term, medium": lambda: request(body(words.draw(0.005, 0.02))),
        "term, rare": lambda: request(body(words.draw(0.0001, 0.001))),
        "or of 3": lambda: request(body(words.draw(0.001, 0.1, 3))),
        "or of 3, counted exactly": lambda: request(body(words.draw(0.001, 0.1, 3)), track_total_hits=-1),
        "or of 3 very frequent": lambda: request(body(words.draw(0.15, 1, 3))),
        "and of 2": lambda: request(body(words.draw(0.01, 0.2, 2), Operator.AND)),
        "and of 3 frequent": lambda: request(body(words.draw(0.1, 1, 3), Operator.AND)),
        "phrase": lambda: request(phrase()),
        "or of 2, filtered": lambda: request(filtered()),
        "range": lambda: request(Range(field="ts", gte=int(random.integers(1_200_000_000, 1_600_000_000)))),
        "match_all": lambda: request(MatchAll()),
        "sorted by date": lambda: request(body(words.draw(0.01, 0.3)), sort=[SortKey("ts", descending=True)]),
    }


def main() -> None:
    copies = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 2.0
    searcher, lines = open_corpus(copies)
    print(f"{len(lines)} documents; microseconds: p50, p99")
    for name, make in classes(Words(searcher), lines).items():
        requests = [make() for _ in range(QUERIES)]
        times: list[float] = []
        end = time.perf_counter() + seconds
        while time.perf_counter() < end or len(times) < 2 * QUERIES:
            for one in requests:
                started = time.thread_time()
                searcher.query(one, searcher.statistics(one))
                times.append(time.thread_time() - started)
        p50, p99 = np.percentile(np.array(times[QUERIES:]) * 1e6, [50, 99])
        print(f"{name:26} {p50:9.0f} {p99:9.0f}")


if __name__ == "__main__":
    main()
