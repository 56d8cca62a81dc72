"""Tokens as places and paths."""

import pytest

from pipeline.analysis.words import Token
from pipeline.search.queries.texts.graphs import is_graph, paths_of, places_of, shifts_of
from schemas.errors import SedimentError


def token(term: str, position: int, length: int = 1, kind: str = "word") -> Token:
    """A token; offsets do not matter here."""
    return Token(term, 0, 0, position, kind, length)


NEW_YORK = [token("in", 0), token("new", 1), token("ny", 1, 2), token("york", 2), token("now", 3)]


def readings(tokens: list[Token]) -> list[list[list[str]]]:
    """Terms by reading, by place."""
    return [[[t.term for t in path] for path in place.readings] for place in places_of(tokens)]


def test_places() -> None:
    """A place reaches from one node that all paths pass to the next."""
    assert readings(NEW_YORK) == [[["in"]], [["new", "york"], ["ny"]], [["now"]]]
    assert [place.simple for place in places_of(NEW_YORK)] == [True, False, True]
    assert readings([]) == []


def test_terms_in_one_place() -> None:
    """Without long tokens a place is a position; each term counts once."""
    assert readings([token("fox", 0), token("fox", 0), token("vixen", 0), token("x", 2)]) == [
        [["fox"], ["vixen"]],
        [["x"]],
    ]


def test_shingles_are_no_graph() -> None:
    """Shingles stand beside their words on purpose: one may be there without the other."""
    tokens = [token("a", 0), token("a b", 0, 2, "shingle"), token("b", 1)]
    assert not is_graph(tokens)
    assert readings(tokens) == [[["a"], ["a b"]], [["b"]]]


def test_paths_and_their_positions() -> None:
    """Terms of a path stand one after the other, with the holes that were left between them."""
    assert [[t.term for t in path] for path in paths_of(NEW_YORK)] == [
        ["in", "new", "york", "now"],
        ["in", "ny", "now"],
    ]
    assert [shifts_of(path) for path in paths_of(NEW_YORK)] == [(0, 1, 2, 3), (0, 1, 2)]
    holes = [token("a", 3), token("bc", 5, 2), token("b", 5), token("c", 6), token("d", 8)]
    assert [shifts_of(path) for path in paths_of(holes)] == [(0, 2, 4), (0, 2, 3, 5)]


def test_too_many_readings() -> None:
    """Paths multiply; there is a limit."""
    tokens = [one for at in range(0, 40, 2) for one in (token("ab", at, 2), token("a", at), token("b", at + 1))]
    assert len(places_of(tokens)) == 20
    with pytest.raises(SedimentError, match="256 readings"):
        paths_of(tokens)
