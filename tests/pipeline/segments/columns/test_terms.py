"""Dictionaries against sorted lists and bisection."""

from bisect import bisect_left

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.analysis.columns import intern_column
from pipeline.analysis.scratch import Scratch
from pipeline.segments.columns.merge_inverted import merge_dictionaries
from pipeline.segments.columns.term_kernels import guide_words, guided_bound
from pipeline.segments.columns.terms import Terms, gather, order_of_terms
from schemas.limits import READABLE_PAD_BYTES
from schemas.records import ByteColumn

_piece = st.sampled_from([b"", b"\0", b"a", b"\xff", b"abcdefg", b"12345678"])
strings = st.lists(st.lists(_piece, max_size=4).map(b"".join) | st.binary(max_size=18), max_size=60)


def terms_of(values: list[bytes]) -> Terms:
    """A dictionary of these strings."""
    _, distinct = intern_column(ByteColumn.of(values), Scratch())
    return Terms(*gather(distinct.data, distinct.begins, distinct.ends, order_of_terms(distinct)))


@given(strings)
def test_terms_are_sorted_as_bytes(values: list[bytes]) -> None:
    """Order is that of Python's bytes: shorter first, zero bytes and high bytes included."""
    terms = terms_of(values)
    assert [terms.term(i) for i in range(terms.count)] == sorted(set(values))


def test_long_common_prefixes_are_sorted() -> None:
    """Thousands of terms that differ late."""
    values = [b"https://example.org/%s/%06d" % (b"x" * (i % 3), i * 7919 % 5000) for i in range(5000)]
    terms = terms_of(values)
    assert terms.slice(0, terms.count).to_list() == sorted(values)


@given(strings, strings)
def test_terms_are_found(values: list[bytes], wanted: list[bytes]) -> None:
    """lookup and lookup_many give the number in sorted order, or -1."""
    terms, known = terms_of(values), sorted(set(values))
    wanted += values[:3]
    expected = [known.index(w) if w in known else -1 for w in wanted]
    assert [terms.lookup(w) for w in wanted] == expected
    assert terms.lookup_many(ByteColumn.of(wanted)).tolist() == expected


@given(strings, strings, st.integers(1, 5))
def test_a_guide_changes_nothing(values: list[bytes], wanted: list[bytes], step: int) -> None:
    """Bisection between the words of a guide ends where bisection of the whole dictionary does."""
    terms, known = terms_of(values), sorted(set(values))
    words = np.empty(-(-terms.count // step), np.uint64)
    guide_words(terms.data, terms.starts, step, words)
    for one in [*wanted, *values[:5]]:
        text = np.frombuffer(one + bytes(READABLE_PAD_BYTES), np.uint8)
        assert guided_bound(terms.data, terms.starts, text, 0, len(one), step, words) == bisect_left(known, one)


@given(strings, _piece | st.binary(max_size=3), st.none() | st.binary(max_size=3), st.booleans(), st.booleans())
@example([b"a", b"a\0", b"b"], b"a", b"a", False, True)
def test_ranges_are_bisections(
    values: list[bytes], low: bytes, high: bytes | None, include_low: bool, include_high: bool
) -> None:
    """Prefix and range give what filtering the sorted list gives."""
    terms, known = terms_of(values), sorted(set(values))
    first, end = terms.prefix_range(low)
    assert known[first:end] == [v for v in known if v.startswith(low)]
    first, end = terms.range(low, high, include_low=include_low, include_high=include_high)
    assert known[first:end] == [
        v
        for v in known
        if (v > low or (include_low and v == low)) and (high is None or v < high or (include_high and v == high))
    ]
    assert terms.range(None, None) == (0, len(known))
    assert terms.range(low, None)[0] == bisect_left(known, low)


@given(st.lists(strings, min_size=1, max_size=4))
def test_dictionaries_are_merged(lists: list[list[bytes]]) -> None:
    """Groups are the distinct strings in order; members of a group come in the order of their inputs."""
    merged = merge_dictionaries([terms_of(values) for values in lists])
    groups = len(merged.groups) - 1
    written = Terms(*merged.write(np.arange(groups)).values())
    assert [written.term(i) for i in range(groups)] == sorted({v for values in lists for v in values})
    flat = [v for values in lists for v in sorted(set(values))]
    assert [written.term(g) for g in merged.group_of] == flat
    for a, b in zip(merged.groups[:-1], merged.groups[1:], strict=True):
        assert merged.order[a:b].tolist() == sorted(merged.order[a:b].tolist())
