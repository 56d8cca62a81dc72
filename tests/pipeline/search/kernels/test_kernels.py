"""Kernels on sorted lists, heaps and phrases against obvious twins."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from pipeline.search.kernels.column_kernels import kth_least
from pipeline.search.kernels.heap_kernels import finish, push
from pipeline.search.kernels.phrase_kernels import exact_frequency, sloppy_frequency
from pipeline.search.kernels.score_kernels import intersect, union_scores

lists = st.lists(st.sets(st.integers(0, 9000), max_size=40).map(sorted), min_size=1, max_size=5)


def u32(values: list[int]) -> np.ndarray:
    return np.array(values, np.uint32)


@given(lists)
def test_intersect(parts: list[list[int]]) -> None:
    """Galloping finds what sets find."""
    a, b = u32(parts[0]), u32(parts[-1])
    in_a, in_b = np.empty(len(a), np.int64), np.empty(len(a), np.int64)
    count = intersect(a, b, in_a, in_b)
    assert a[in_a[:count]].tolist() == sorted(set(parts[0]) & set(parts[-1]))
    assert b[in_b[:count]].tolist() == a[in_a[:count]].tolist()


@given(lists, st.integers(1, 3), st.sampled_from([0.0, 0.3, 1.0]), st.integers(0, 1 << 30))
def test_union_scores(parts: list[list[int]], least: int, tie: float, seed: int) -> None:
    """Documents in enough lists, with the sum of their scores or the best and a share of the rest."""
    scores = [np.random.default_rng(seed + i).random(len(p), np.float32) for i, p in enumerate(parts)]
    bounds = np.cumsum([0, *map(len, parts)])
    size = int(bounds[-1])
    documents, out = np.empty(size, np.uint32), np.empty(size, np.float32)
    every = u32([d for p in parts for d in p])
    count = union_scores(every, np.concatenate(scores), bounds, least, tie, documents, out)
    wanted = {}
    for d in sorted({d for p in parts for d in p}):
        held = [float(s[p.index(d)]) for p, s in zip(parts, scores, strict=True) if d in p]
        if len(held) >= least:
            wanted[d] = max(held) + tie * (sum(held) - max(held))
    assert documents[:count].tolist() == list(wanted)
    assert out[:count].tolist() == pytest.approx(list(wanted.values()), rel=1e-6)


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 1000)), unique_by=lambda p: p[1], max_size=60),
    st.integers(1, 10),
)
def test_heap_keeps_the_best(hits: list[tuple[int, int]], k: int) -> None:
    """The k greatest scores, of equal ones the lower offsets, best first in the end."""
    scores, places = np.zeros(k, np.float32), np.zeros((3, k), np.int64)
    size = 0
    for score, offset in hits:
        size = push(scores, places[0], places[1], size, float(score), offset, 7 << 32 | offset)
    finish(scores, places, size)
    kept = [(score, *place) for score, *place in zip(scores[:size].tolist(), *places[:, :size].tolist(), strict=True)]
    wanted = sorted(((float(s), o) for s, o in hits), key=lambda p: (-p[0], p[1]))[:k]
    assert kept == [(score, offset, 7, offset) for score, offset in wanted]


places = st.lists(st.sets(st.integers(0, 30), min_size=1, max_size=8).map(sorted), min_size=2, max_size=4)


def laid(parts: list[list[int]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return u32([p for part in parts for p in part]), np.cumsum([0, *map(len, parts)]), np.arange(len(parts))


@given(places)
def test_exact_phrases(parts: list[list[int]]) -> None:
    """Beginnings that all terms share."""
    positions, starts, shifts = laid(parts)
    begins = [{p - i for p in part} for i, part in enumerate(parts)]
    found = exact_frequency(positions, starts, shifts, np.zeros(len(parts), np.int64))
    assert found == len(set.intersection(*begins))


def lucene_sloppy(parts: list[list[int]], slop: int) -> float:
    """SloppyPhraseMatcher for phrases without repeated terms, on a sorted list in place of its queue."""
    at = [0] * len(parts)
    queue = sorted((part[0] - i, i) for i, part in enumerate(parts))
    end = max(p for p, _ in queue)
    total, going = 0.0, True
    while going:
        position, i = queue.pop(0)
        length, following = end - position, queue[0][0]
        matched = False
        while not matched:
            at[i] += 1
            if at[i] == len(parts[i]):
                going = False
                break
            position = parts[i][at[i]] - i
            end = max(end, position)
            if position > following:
                queue = sorted([*queue, (position, i)])
                if length <= slop:
                    matched = True
                    break
                position, i = queue.pop(0)
                length, following = end - position, queue[0][0]
            else:
                length = min(length, end - position)
        if length <= slop:
            total += 1 / (1 + length)
    return total


@given(places, st.integers(1, 6))
def test_sloppy_phrases(parts: list[list[int]], slop: int) -> None:
    """The weights of all matches within the slop, as Lucene adds them."""
    positions, starts, shifts = laid(parts)
    at, begins = np.zeros(len(parts), np.int64), np.zeros(len(parts), np.int64)
    found = sloppy_frequency(positions, starts, shifts, slop, at, begins)
    assert found == pytest.approx(lucene_sloppy(parts, slop), rel=1e-5)


@given(st.lists(st.integers(-50, 50), min_size=1, max_size=60), st.integers(1, 60))
def test_the_kth_least_key(keys: list[int], k: int) -> None:
    """What sorting says."""
    k = min(k, len(keys))
    assert kth_least(np.array(keys, np.int64), k) == sorted(keys)[k - 1]
