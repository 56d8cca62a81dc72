"""pipeline.dsl.defaults: fields for queries that name none."""

import pytest

from pipeline.dsl.defaults import default_fields, with_default_fields
from pipeline.dsl.parse import parse_search
from schemas.query import Bool, MultiMatch


def test_the_setting_is_a_list_of_fields() -> None:
    """With boosts; every field is as good as none."""
    assert default_fields("title^2,body") == (("title", 2.0), ("body", 1.0))
    assert default_fields("*") == default_fields("") == default_fields("a,*") == ()


def test_a_request_without_such_texts_stays_the_same_object() -> None:
    """So that what was prepared for it is found again."""
    body = {"query": {"bool": {"must": [{"match": {"t": "a"}}, {"query_string": {"query": "a", "fields": ["*"]}}]}}}
    request = parse_search(body, now_ms=0)
    assert with_default_fields(request, (("t", 1.0),)) is request


@pytest.mark.parametrize("kind", ["query_string", "simple_query_string", "multi_match"])
def test_every_text_without_fields_gets_them(kind: str) -> None:
    """However deep it stands; the rest of the tree is as it was."""
    body = {"query": {"bool": {"should": [{"bool": {"must_not": {kind: {"query": "a"}}}}, {"term": {"k": "v"}}]}}}
    request = parse_search(body, now_ms=0)
    changed = with_default_fields(request, (("t", 2.0),))
    assert isinstance(changed.query, Bool)
    assert isinstance(request.query, Bool)
    assert changed.query.should[1] is request.query.should[1]
    assert "fields=(('t', 2.0),)" in repr(changed.query)
    assert "'*'" not in repr(changed.query)
    assert any(isinstance(one, MultiMatch) for one in [changed.query.should[0].must_not[0], *_inner(changed)])  # type: ignore[attr-defined]


def _inner(request: object) -> list[object]:
    clause = request.query.should[0].must_not[0]  # type: ignore[attr-defined]
    return list(getattr(clause, "must", ()))
