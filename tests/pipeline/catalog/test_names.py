"""Names of indices and topics."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pipeline.catalog.names import check_index_name, topic_of
from schemas.errors import SedimentError


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "must not be empty"),
        ("a#b", "must not contain '#'"),
        ("a:b", "must not contain ':'"),
        ("a b", "must not contain the following characters"),
        ("a*", "must not contain the following characters"),
        ("_a", "must not start with '_', '-', or '+'"),
        ("+a", "must not start with '_', '-', or '+'"),
        ("..", "must not be '.' or '..'"),
        ("Books", "must be lowercase"),
        ("x" * 256, "index name is too long, (256 > 255)"),
    ],
)
def test_bad_names_are_refused_in_elasticsearchs_words(name: str, reason: str) -> None:
    """Each rule, with the words a client may look for."""
    with pytest.raises(SedimentError) as raised:
        check_index_name(name)
    assert raised.value.code == "invalid_index_name"
    assert reason in raised.value.message


@pytest.mark.parametrize("name", ["books", "logs-2024.01.01", "müsli", "日本", "a_b-c+d", "x" * 255])
def test_good_names_pass(name: str) -> None:
    """What Elasticsearch takes is taken."""
    check_index_name(name)


@given(one=st.text("ax.7e~_é-", min_size=1, max_size=8), other=st.text("ax.7e~_é-", min_size=1, max_size=8))
def test_different_names_have_different_topics(one: str, other: str) -> None:
    """The topic of a name is legal on Kafka and nobody else's; a plain name is its own topic."""
    assume(one != other)
    assert topic_of(one) != topic_of(other)
    assert all(c.isascii() and (c.isalnum() or c in "._-") for c in topic_of(one))


def test_a_topic_can_be_prefixed() -> None:
    """Several clusters may share a Kafka."""
    assert topic_of("books", "prod.") == "prod.books"
    assert topic_of("a~b") == "aX7eb"
