"""The merge policy: pure, from sizes to plans."""

from hypothesis import given
from hypothesis import strategies as st

from pipeline.materialise.merge_policy import FAN_IN, MERGED_BYTES_MAX, Size, level, plan, plan_all, plan_expunge


def sizes(*documents: int) -> list[Size]:
    """Segments without dead rows, 100 bytes a document."""
    return [Size(i, n, 0, n * 100) for i, n in enumerate(documents)]


def test_a_full_level_is_merged() -> None:
    """FAN_IN neighbours of one level make a plan, fewer do not."""
    assert plan(sizes(*[10_000] * (FAN_IN - 1))) is None
    chosen = plan(sizes(*[10_000] * FAN_IN))
    assert chosen is not None
    assert chosen.ordinals == tuple(range(FAN_IN))


def test_a_segment_near_the_largest_size_parts_its_neighbours() -> None:
    """What is too large to merge stays alone, and segments on both sides of it are not merged with each other."""
    half = [1_000] * (FAN_IN // 2)
    assert plan(sizes(*half, MERGED_BYTES_MAX // 150, *half)) is None


def test_a_mostly_dead_segment_is_rewritten_alone() -> None:
    """Space of deleted rows comes back without waiting for a full level."""
    chosen = plan([Size(7, 400, 600, 100_000), Size(8, 400, 0, 40_000)])
    assert chosen is not None
    assert chosen.ordinals == (7,)


def test_force_merge_ends_at_the_number_asked_for() -> None:
    """plan_all brings the count down in one step, and rewrites a single segment with dead rows."""
    chosen = plan_all(sizes(5, 5, 5, 5), 2)
    assert chosen is not None
    assert len(chosen.ordinals) == 3
    assert plan_all(sizes(5), 1) is None
    assert plan_all([Size(0, 5, 1, 600)], 1) is not None


@given(st.lists(st.integers(1, 5_000), min_size=50, max_size=200))
def test_segments_never_pile_up(arrivals: list[int]) -> None:
    """Segments arrive one by one: every plan names neighbours within the bounds, and few segments are ever left."""
    segments: list[Size] = []
    for number, documents in enumerate(arrivals):
        segments.append(Size(number, documents, 0, documents * 100))
        while (chosen := plan(segments)) is not None:
            at = [s.ordinal for s in segments].index(chosen.ordinals[0])
            taken = segments[at : at + len(chosen.ordinals)]
            assert tuple(s.ordinal for s in taken) == chosen.ordinals
            assert sum(s.nbytes for s in taken) <= MERGED_BYTES_MAX
            merged = Size(10_000 + number, sum(s.documents for s in taken), 0, sum(s.nbytes for s in taken))
            segments = [*segments[:at], merged, *segments[at + len(taken) :]]
        highest = max(level(s.documents) for s in segments)
        assert len(segments) <= FAN_IN * (highest + 2)


def test_expunging_takes_segments_with_many_dead_rows_one_by_one() -> None:
    """More than a tenth; none is joined with another."""
    chosen = plan_expunge([Size(0, 95, 5, 100), Size(1, 80, 20, 100), Size(2, 10, 90, 100)])
    assert chosen is not None
    assert chosen.ordinals == (1,)
    assert plan_expunge([Size(0, 90, 10, 100), Size(1, 0, 0, 0)]) is None
