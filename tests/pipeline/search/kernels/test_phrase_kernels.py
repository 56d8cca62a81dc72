"""Sloppy phrases that repeat terms, against Lucene's matcher written out with objects and a queue."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from pipeline.search.kernels.phrase_kernels import count_in_slots


class Place:
    """A term of the phrase and where it stands (Lucene's PhrasePositions)."""

    def __init__(self, offset: int, term: str, positions: list[int]) -> None:
        self.offset, self.term, self.left = offset, term, list(positions)
        self.position = self.left.pop(0) - offset

    def next(self) -> bool:
        if not self.left:
            return False
        self.position = self.left.pop(0) - self.offset
        return True

    @property
    def token(self) -> int:
        return self.position + self.offset


def order(place: Place) -> tuple[int, int]:
    return place.position, place.offset


class Matcher:
    """SloppyPhraseMatcher of Lucene 9, for phrases without alternatives."""

    def __init__(self, phrase: list[str], document: list[str], slop: int) -> None:
        self.slop = slop
        self.places = [Place(i, t, [p for p, w in enumerate(document) if w == t]) for i, t in enumerate(phrase)]
        self.groups = [[p for p in self.places if p.term == t] for t in dict.fromkeys(phrase) if phrase.count(t) > 1]

    def frequency(self) -> float:
        for group in self.groups:
            for j, place in enumerate(group):
                if not all(place.next() for _ in range(j)):
                    return 0.0
        self.end = max(p.position for p in self.places)
        self.queue = list(self.places)
        total, positioned = 0.0, True
        while positioned:
            positioned, width = self.match()
            if width <= self.slop:
                total += 1 / (1 + width)
        return total

    def advance(self, place: Place) -> bool:
        if not place.next():
            return False
        self.end = max(self.end, place.position)
        return True

    def match(self) -> tuple[bool, int]:
        place = self.pop()
        width, following = self.end - place.position, min(self.queue, key=order).position
        while self.advance(place):
            if not self.resolve(place):
                break
            if place.position > following:
                self.queue.append(place)
                if width <= self.slop:
                    return True, width
                place = self.pop()
                following = min(self.queue, key=order).position
                width = self.end - place.position
            else:
                width = min(width, self.end - place.position)
        return False, width

    def pop(self) -> Place:
        least = min(self.queue, key=order)
        self.queue.remove(least)
        return least

    def resolve(self, place: Place) -> bool:
        group = next((g for g in self.groups if place in g), None)
        while group is not None:
            other = next((p for p in group if p is not place and p.token == place.token), None)
            if other is None:
                return True
            place = min(place, other, key=order)
            if not self.advance(place):
                return False
        return True


@settings(max_examples=300)
@given(
    st.lists(st.sampled_from("abc"), min_size=2, max_size=4),
    st.lists(st.lists(st.sampled_from("abcx"), max_size=14), max_size=4),
    st.integers(1, 5),
)
def test_sloppy_phrases_are_counted_as_lucene_counts(phrase: list[str], documents: list[list[str]], slop: int) -> None:
    """Random phrases, with repeated terms or without, in random documents."""
    held = [i for i, d in enumerate(documents) if all(t in d for t in phrase)]
    tokens = [[(i << 32) | p for i in held for p, w in enumerate(documents[i]) if w == t] for t in phrase]
    groups = [phrase.index(t) if phrase.count(t) > 1 else -1 for t in phrase]
    frequencies = np.zeros(len(held), np.float32)
    count_in_slots(
        np.array(held, np.uint32), np.array([w for some in tokens for w in some], np.uint64),
        np.cumsum([0, *map(len, tokens)]).astype(np.int64), np.arange(len(phrase)), np.array(groups, np.int64), slop,
        frequencies,
    )  # fmt: skip
    wanted = [Matcher(phrase, documents[i], slop).frequency() for i in held]
    assert frequencies.tolist() == pytest.approx(wanted, rel=1e-6)
