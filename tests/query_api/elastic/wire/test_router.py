"""query_api.elastic.wire.router: paths to handlers."""

import pytest

from query_api.elastic.wire.call import Call, Reply
from query_api.elastic.wire.router import Match, Router, check_parameters, route, similarity
from query_api.fanout.services import Services
from schemas.errors import SedimentError


def handler(services: Services, call: Call) -> Reply:
    """Does nothing."""
    return Reply()


ROUTER = Router([
    route("GET", "/", handler),
    route("GET PUT", "/{index}", handler),
    route("GET", "/_cat/indices", handler, {"v"}),
    route("POST", "/{index}/_doc", handler),
    route("PUT", "/{index}/_doc/{id}", handler, {"routing", "refresh"}),
])  # fmt: skip


def test_literals_go_before_placeholders() -> None:
    """As in Elasticsearch's trie; placeholders are decoded, slashes in them kept."""
    found = ROUTER.find("GET", "/_cat/indices")
    assert isinstance(found, Match)
    assert found.route.template == "/_cat/indices"
    found = ROUTER.find("PUT", "/a%20b/_doc/x%2Fy")
    assert isinstance(found, Match)
    assert found.values == {"index": "a b", "id": "x/y"}
    assert isinstance(ROUTER.find("HEAD", "/a"), Match)
    assert isinstance(ROUTER.find("GET", "//a/"), Match)


def test_what_is_not_there() -> None:
    """A path of ours gives its methods, any other none."""
    assert ROUTER.find("DELETE", "/a") == ["GET", "PUT"]
    assert ROUTER.find("GET", "/a/b/c/d") == []
    assert ROUTER.find("POST", "/_mtermvectors") == []  # no index is called so
    assert ROUTER.find("GET", "/_snapshot") == []
    assert isinstance(ROUTER.find("PUT", "/_new"), Match)  # the answer says what is wrong with the name
    assert ROUTER.find("DELETE", "/_all") == ["GET", "PUT"]
    with pytest.raises(SedimentError, match="UTF-8"):
        ROUTER.find("GET", "/%ff")


def test_unknown_parameters() -> None:
    """Named, with what might have been meant."""
    one = ROUTER.routes[4]
    check_parameters(one, "/a", ["routing", "pretty"])
    with pytest.raises(SedimentError) as caught:
        check_parameters(one, "/a", ["ruting", "zzz"])
    assert (
        caught.value.message
        == "request [/a] contains unrecognized parameters: [ruting] -> did you mean [routing]?, [zzz]"
    )


def test_similarity() -> None:
    """1 - distance / length."""
    assert similarity("kitten", "sitting") == pytest.approx(1 - 3 / 7)
    assert similarity("", "a") == 0.0
