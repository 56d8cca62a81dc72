"""query_api.elastic.wire.names: index expressions."""

import pytest

from query_api.elastic.wire.names import Options, resolve
from schemas.errors import SedimentError
from tests.query_api.fakes import FakeNode


@pytest.fixture
def node() -> FakeNode:
    one = FakeNode()
    for name in ("a1", "a2", "b1", ".sys"):
        one.create(name, {"hidden": "true"} if name == ".sys" else {}, {})
    return one


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("a1", ["a1"]),
        ("b1,a1,b1", ["b1", "a1"]),
        ("a*", ["a1", "a2"]),
        ("*", ["a1", "a2", "b1"]),
        ("_all", ["a1", "a2", "b1"]),
        ("", ["a1", "a2", "b1"]),
        ("*,-a*", ["b1"]),
        ("a*,-a1", ["a2"]),
        ("zz*", []),
        (".s*", [".sys"]),
        ("a1.dead", ["a1.dead"]),
        ("a[12]*", []),
    ],
)
def test_expressions(node: FakeNode, expression: str, found: list[str]) -> None:
    """Names, lists, wildcards, exclusions, dead letters; hidden indices only by a dotted pattern."""
    assert [t.name for t in resolve(node, expression, Options())] == found


@pytest.mark.parametrize(
    ("expression", "options", "code"),
    [
        ("zz", Options(), "index_not_found"),
        ("zz*", Options(allow_no_indices=False), "index_not_found"),
        ("zz", Options(ignore_unavailable=True, allow_no_indices=False), "index_not_found"),
        ("A", Options(ignore_unavailable=True), "invalid_index_name"),
        ("a1,_x", Options(), "invalid_index_name"),
        ("zz.dead", Options(), "index_not_found"),
    ],
)
def test_what_is_missing(node: FakeNode, expression: str, options: Options, code: str) -> None:
    """Missing names are errors unless the options allow them."""
    with pytest.raises(SedimentError) as caught:
        resolve(node, expression, options)
    assert caught.value.code == code


def test_missing_names_may_be_passed_over(node: FakeNode) -> None:
    """ignore_unavailable leaves them out; wildcards can be switched off, or see hidden indices."""
    assert [t.name for t in resolve(node, "zz,a1", Options(ignore_unavailable=True))] == ["a1"]
    assert resolve(node, "*", Options(open=False)) == []
    assert len(resolve(node, "*", Options(hidden=True))) == 4
