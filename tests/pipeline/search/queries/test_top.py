"""The best documents of terms and phrases over segments large enough for every way of looking, against arrays of frequencies."""

from collections.abc import Sequence
from dataclasses import dataclass

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from numpy.typing import NDArray

from pipeline.json_columns.columns import BytesValues, NumberValues
from pipeline.search.cache import SearchCache
from pipeline.search.kernels.first_kernels import insert
from pipeline.search.patterns.globs import glob_of
from pipeline.search.queries.evaluate import SegmentQueries
from pipeline.search.queries.filters import TermsPlan
from pipeline.search.queries.limits import Limits
from pipeline.search.queries.plan import (
    Combine,
    Constant,
    NumberSet,
    NumberSpan,
    PhraseScore,
    Plan,
    TermPattern,
    TermPrefix,
    TermScore,
    TermSet,
    TermSpan,
    survey,
)
from pipeline.search.queries.tables import Tables
from pipeline.search.queries.top import Heap, TopSearch, first_rows, in_order, shape_of
from pipeline.search.statistics import Scales, Weights, gather
from pipeline.segments.build import build_segment
from pipeline.segments.reader import SegmentReader
from pipeline.segments.view import SegmentView
from schemas.ids import SegmentId
from schemas.mapping import parse_mapping
from schemas.records import ByteColumn

TYPES = {"t": "text", "k": "keyword", "n": "long", "x": "double"}
MAPPING = parse_mapping({"properties": {name: {"type": kind} for name, kind in TYPES.items()}})
SHARES = [0.4, 0.2, 0.1, 0.05, 0.02, 0.01, 0.004, 0.001, 0.0004, 0.0001]  # of the documents
SIZES = [30_000, 700, 26_000]
NONE = len(SHARES)
KEYS = 8


@dataclass(frozen=True)
class World:
    """Segments, and the same documents as one text: ``words`` (numbers of terms, NONE is any other word) and whose they are."""

    segments: list[SegmentQueries]
    words: NDArray[np.int64]
    owner: NDArray[np.int64]
    offsets: NDArray[np.int64]
    alive: NDArray[np.bool_]
    keys: NDArray[np.int64]  # KEYS greater: several
    numbers: NDArray[np.int64]  # negative: none

    def frequencies(self, term: int) -> NDArray[np.int64]:
        return np.bincount(self.owner[self.words == term], minlength=len(self.alive))

    def phrase(self, terms: Sequence[int]) -> NDArray[np.int64]:
        ends = len(self.words) - len(terms) + 1
        held = self.owner[:ends] == self.owner[len(terms) - 1 :]
        for i, term in enumerate(terms):
            held &= self.words[i : ends + i] == term
        return np.bincount(self.owner[:ends][held], minlength=len(self.alive))


def segment_of(
    name: str, texts: list[bytes], offsets: NDArray[np.int64], keys: NDArray[np.int64], numbers: NDArray[np.int64]
) -> SegmentReader:
    rows = np.arange(len(texts), dtype=np.int32)
    ids = ByteColumn.of([b"%d" % offset for offset in offsets])
    held = np.flatnonzero(numbers >= 0).astype(np.int32)
    number = numbers[held]
    if name == "1":  # here every document with a number has two
        held, number = np.repeat(held, 2), np.stack([-number - 1, number], axis=1).ravel()
    key_rows = np.concatenate([rows, rows[keys >= KEYS]])
    values = np.concatenate([keys % KEYS, (keys[keys >= KEYS] + 1) % KEYS])
    order = np.argsort(key_rows, kind="stable")
    key = BytesValues(key_rows[order], ByteColumn.of([b"k%d" % v for v in values[order]]))
    data = build_segment(
        segment_id=SegmentId(name), schema_version=0, documents=len(texts), mapping=MAPPING, ids=ids, sources=ids,
        columns={
            "t": BytesValues(rows, ByteColumn.of(texts)), "k": key, "n": NumberValues(held, number),
            "x": NumberValues(held, number / 2),
        }, seq_nos=offsets, versions=offsets, offsets=offsets,
        timestamps=offsets,
    )  # fmt: skip
    return SegmentReader(data.meta, data.arrays)


def world(*, ordered: bool, dead_share: float) -> World:
    random = np.random.default_rng(11)
    total = sum(SIZES)
    parts: list[list[int]] = [[NONE] * int(n) for n in random.integers(0, 30, total) * (random.random(total) < 0.6)]
    for term, share in enumerate(SHARES):
        for document in np.flatnonzero(random.random(total) < share).tolist():
            parts[document] += [term] * int(random.integers(1, 4))
    for part in parts:
        random.shuffle(part)
    texts = [" ".join("other" if w == NONE else f"w{w}" for w in part).encode() for part in parts]
    offsets = np.arange(total) if ordered else random.permutation(total)
    alive = random.random(total) >= dead_share
    keys = np.minimum(random.exponential(0.8, total).astype(np.int64), KEYS - 1)
    keys[30_000:] += KEYS * (random.random(total - 30_000) < 0.1)
    near = np.arange(total) * 1000 // total + random.integers(-40, 40, total)  # zones of rows differ
    numbers = np.where(random.random(total) < 0.8, np.clip(near, 0, 999), -1)
    numbers[5_000:9_000] = near[5_000:9_000]
    keys[:3_000] = 5
    segments, at = [], 0
    for number, size in enumerate(SIZES):
        own = slice(at, at + size)
        mask = alive[own].copy() if number else np.ones(size, np.bool_)
        alive[own] = mask
        view = SegmentView(
            segment_of(str(number), texts[own], offsets[own], keys[own], numbers[own]), mask, int((~mask).sum()), 1
        )
        segments.append(SegmentQueries(number, view, SearchCache()))
        at += size
    owner = np.repeat(np.arange(total), [len(part) for part in parts])
    return World(segments, np.array([w for part in parts for w in part]), owner, offsets, alive, keys, numbers)


@pytest.fixture(
    scope="module", params=[(True, 0.0), (True, 0.3), (False, 0.1)], ids=["plain", "deletes", "interleaved"]
)
def large(request: pytest.FixtureRequest) -> World:
    """Documents of three segments, where offsets ascend and where not, with dead ones and without."""
    return world(ordered=request.param[0], dead_share=request.param[1])


def run(large: World, plan: Plan, k: int, wanted: int) -> list[tuple[list[tuple[int, float]], int]]:
    """(offset, score) of the best, and the number of matches; asked, and asked again twice."""
    listed, ordered = in_order(large.segments)
    tables = Tables(listed)
    weights = Weights(gather((survey(plan),), tables, int(large.alive.sum())), Scales(MAPPING))
    shape = shape_of(plan, MAPPING)
    assert shape is not None
    top = TopSearch(shape, weights, tables.field("t"), Limits(tables, SearchCache()), ordered=ordered)
    starts = np.cumsum([0, *SIZES])
    found = []
    for _ in range(3):
        heap = Heap(k)
        total = top.run(heap, wanted)
        hits = heap.hits()
        assert [h.offset for h in hits] == [int(large.offsets[starts[h.segment] + h.doc]) for h in hits]
        found.append(([(h.offset, h.score or 0.0) for h in hits], total))
    return found


def twin(
    large: World, parts: Sequence[NDArray[np.int64]], boosts: Sequence[float], *, every: bool
) -> NDArray[np.float32]:
    """The score of each document by the formula, in numpy; below 0: it does not match."""
    length = np.bincount(large.owner, minlength=len(large.alive))
    norm = np.where(length < 24, length, 24 + quantised(length - 24)).astype(np.float32)
    has = large.alive & (length > 0)
    average = np.float32(length[large.alive].sum() / has.sum())
    inverse = np.float32(1) / (np.float32(1.2) * (np.float32(0.25) + np.float32(0.75) * norm / average))
    sums = np.zeros(len(large.alive))
    matched = np.full(len(large.alive), every)
    for frequency, weight in zip(parts, boosts, strict=True):
        w = np.float32(weight)
        score = w - w / (np.float32(1) + frequency.astype(np.float32) * inverse)
        sums += np.where(frequency > 0, score, 0).astype(np.float64)
        matched = matched & (frequency > 0) if every else matched | (frequency > 0)
    return np.where(matched & large.alive, sums.astype(np.float32), np.float32(-1))


def quantised(rest: NDArray[np.int64]) -> NDArray[np.int64]:
    """Four significant bits, rounded down."""
    shift = np.maximum(0, np.floor(np.log2(np.maximum(rest, 1))).astype(np.int64) - 3)
    return rest >> shift << shift


def weight_of(large: World, frequencies: Sequence[NDArray[np.int64]]) -> float:
    """(k1 + 1) * the sum of idf."""
    has = int((large.alive & (np.bincount(large.owner, minlength=len(large.alive)) > 0)).sum())
    found = [int(((f > 0) & large.alive).sum()) for f in frequencies]
    idf = [float(np.float32(np.log(1 + (has - n + 0.5) / (n + 0.5)))) for n in found]
    return float(np.float32(2.2) * np.float32(sum(idf)))


def check(large: World, plan: Plan, scores: NDArray[np.float32], k: int, wanted: int) -> None:
    matching = np.flatnonzero(scores >= 0)
    order = matching[np.lexsort((large.offsets[matching], -scores[matching]))][:k]
    for found, total in run(large, plan, k, wanted):
        assert [offset for offset, _ in found] == large.offsets[order].tolist()
        assert [score for _, score in found] == scores[order].tolist()
        assert total == len(matching) if len(matching) < wanted else total >= wanted


terms = st.lists(st.integers(0, NONE - 1), min_size=1, max_size=4, unique=True)
sizes = st.sampled_from([0, 1, 10, 300])
wanted = st.sampled_from([0, 6, 1000, 1 << 60])


@settings(max_examples=40)
@given(chosen=terms, every=st.booleans(), k=sizes, count=wanted)
def test_the_best_of_terms(large: World, chosen: list[int], every: bool, k: int, count: int) -> None:
    """Any or all of some terms, rare and frequent: the first of all documents by score, bit by bit, and how many match."""
    leaves = tuple(TermScore("t", b"w%d" % t) for t in chosen)
    plan = leaves[0] if len(leaves) == 1 else Combine(must=leaves) if every else Combine(should=leaves, least=1)
    parts = [large.frequencies(t) for t in chosen]
    weights = [weight_of(large, [part]) for part in parts]
    check(large, plan, twin(large, parts, weights, every=every and len(leaves) > 1), k, count)


@settings(max_examples=25)
@given(chosen=st.lists(st.integers(0, 4), min_size=2, max_size=3), k=sizes, count=wanted)
def test_the_best_of_phrases(large: World, chosen: list[int], k: int, count: int) -> None:
    """Terms side by side, the same one twice too."""
    plan = PhraseScore("t", tuple(b"w%d" % t for t in chosen), tuple(range(len(chosen))))
    weight = weight_of(large, [large.frequencies(t) for t in chosen])
    check(large, plan, twin(large, [large.phrase(chosen)], [weight], every=False), k, count)
    listed = sum(len(segment.phrase_frequencies(plan)) for segment in large.segments)
    assert listed == int((large.phrase(chosen) > 0).sum())


Filter = tuple[str, int, int]
filters = st.one_of(
    st.tuples(st.just("k"), st.integers(0, KEYS), st.just(0)),
    st.tuples(st.just("t"), st.integers(0, NONE), st.just(0)),
    st.tuples(st.sampled_from("nx"), st.integers(-5, 1000), st.integers(0, 600)),
    st.tuples(st.just("set"), st.integers(0, 900), st.integers(1, 50)),
)


def filter_of(one: Filter) -> Plan:
    kind, a, b = one
    if kind in "kt":
        return TermScore(kind, b"k%d" % a if kind == "k" else b"w%d" % a)
    if kind == "set":
        return Constant(NumberSet("n", np.arange(a, a + b)))
    return Constant(NumberSpan(kind, a, a + b) if kind == "n" else NumberSpan(kind, a / 2, (a + b) / 2))


def passing(large: World, one: Filter) -> NDArray[np.bool_]:
    kind, a, b = one
    if kind == "k":
        return ((large.keys % KEYS == a) | ((large.keys >= KEYS) & ((large.keys + 1) % KEYS == a))) & (a < KEYS)
    if kind == "t":
        return large.frequencies(a if a < NONE else -1) > 0
    found = (large.numbers >= a) & (large.numbers < a + b + (kind != "set")) & (large.numbers >= 0)
    if kind != "set":  # of the second segment's documents each has -n - 1 too
        second = np.arange(len(found)) // SIZES[0] == 1
        second[SIZES[0] + SIZES[1] :] = False
        other = -large.numbers - 1
        found |= second & (large.numbers >= 0) & (other >= a) & (other <= a + b)
    return found


@settings(max_examples=60)
@given(
    chosen=st.lists(st.integers(0, 6), min_size=1, max_size=3, unique=True), how=st.sampled_from(["any", "all", "phrase"]),
    must=st.lists(filters, max_size=2), must_not=st.lists(filters, max_size=2), k=sizes, count=wanted,
)  # fmt: skip
def test_the_best_within_filters(
    large: World, chosen: list[int], how: str, must: list[Filter], must_not: list[Filter], k: int, count: int
) -> None:
    """Filters of terms, spans and sets, selective or not, asked for the first time and again: they take documents away, no more."""
    leaves = tuple(TermScore("t", b"w%d" % t) for t in chosen)
    parts = [large.frequencies(t) for t in chosen]
    weights = [weight_of(large, [part]) for part in parts]
    plan: Plan = (
        leaves[0] if len(leaves) == 1 else Combine(must=leaves) if how == "all" else Combine(should=leaves, least=1)
    )
    if how == "phrase" and len(chosen) > 1:
        plan = PhraseScore("t", tuple(leaf.term for leaf in leaves), tuple(range(len(chosen))))
        weights, parts = [weight_of(large, parts)], [large.phrase(chosen)]
    scores = twin(large, parts, weights, every=how == "all" and len(chosen) > 1)
    for one in must:
        scores = np.where(passing(large, one), scores, np.float32(-1))
    for one in must_not:
        scores = np.where(passing(large, one), np.float32(-1), scores)
    around = Combine(must=(plan,), filter=tuple(map(filter_of, must)), must_not=tuple(map(filter_of, must_not)))
    check(large, around, scores, k, count)


SELECTED = [
    TermPrefix("t", b"w"), TermPrefix("t", b"w1"), TermPrefix("t", b"x"), TermSet("t", (b"w9", b"w8", b"none")),
    TermSet("t", (b"w0", b"w7")), TermSpan("t", b"w6", b"w8", high_open=True), TermPattern("t", glob_of("*7")),
    TermPrefix("k", b"k7"),
]  # fmt: skip


@pytest.mark.parametrize("plan", SELECTED, ids=repr)
@settings(max_examples=12)
@given(k=st.sampled_from([0, 1, 10, 300, 5000]), count=wanted)
def test_the_first_of_terms(large: World, plan: TermsPlan, k: int, count: int) -> None:
    """The first live documents that a set of terms selects, and how many there are, as its masks say."""
    listed, ordered = in_order(large.segments)
    if not ordered:
        return
    starts = np.cumsum([0, *SIZES])
    rows = [starts[s.number] + s.select(plan).both(s.alive).as_documents().astype(np.int64) for s in listed]
    offsets = large.offsets[np.concatenate(rows)].tolist()
    heap = Heap(k)
    total = first_rows(plan, 2.5, Tables(listed), heap, count)
    hits = heap.hits()
    assert [h.offset for h in hits] == offsets[:k]
    assert {h.score for h in hits} <= {2.5}
    assert total == len(offsets) if len(offsets) < count else total >= count


@given(st.lists(st.integers(0, 40)), st.integers(1, 12))
def test_the_least_documents(documents: list[int], k: int) -> None:
    """Inserted one by one: the k least, each once, in order."""
    least, count = np.zeros(k, np.uint32), 0
    for document in documents:
        count = insert(least, count, document)
    assert least[:count].tolist() == sorted(set(documents))[:k]
