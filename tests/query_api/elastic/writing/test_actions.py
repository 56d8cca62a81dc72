"""query_api.elastic.writing.actions: the body of _bulk to columns."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.ingest.ports import Op
from query_api.elastic.writing.actions import Actions, Defaults, _mixed, parse_bulk
from schemas.errors import SedimentError


def body(*lines: Any) -> bytes:
    return b"".join((line if isinstance(line, bytes) else orjson.dumps(line)) + b"\n" for line in lines)


def rows(actions: Actions) -> list[tuple[int, str, bytes | None, bytes | None]]:
    return list(zip(actions.ops, actions.indices, actions.ids, actions.sources, strict=True))


def test_every_action() -> None:
    """The four actions, with and without a source line, with the URL's index where they name none."""
    found = parse_bulk(
        body(
            {"index": {"_id": "1"}},
            {"a": 1},
            {"delete": {"_index": "x", "_id": 2}},
            b"",
            {"create": {}},
            {"b": 1},
            {"update": {"_id": "3", "routing": "r", "_source": True}},
            {"doc": {}},
            {"index": {"_id": "4", "op_type": "create"}},
            b"{}\r",
        ),
        Defaults("d"),
    )
    assert rows(found) == [
        (Op.INDEX, "d", b"1", b'{"a":1}'),
        (Op.DELETE, "x", b"2", None),
        (Op.CREATE, "d", None, b'{"b":1}'),
        (Op.UPDATE, "d", b"3", b'{"doc":{}}'),
        (Op.CREATE, "d", b"4", b"{}"),
    ]
    assert found.options[3].routing == "r"
    assert found.show_source == {3: True}


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([{}], "Malformed action/metadata line [1], expected FIELD_NAME but found [END_OBJECT]"),
        ([[]], "Malformed action/metadata line [1], expected START_OBJECT but found [START_ARRAY]"),
        ([{"index": 1}], "Malformed action/metadata line [1], expected START_OBJECT but found [VALUE_NUMBER]"),
        (
            [{"index": {}}, {}, {"foo": {}}],
            "line [3], expected field [create], [delete], [index] or [update] but found [foo]",
        ),
        ([{"index": {"foo": 1}}], "Action/metadata line [1] contains an unknown parameter [foo]"),
        ([{"index": {"_id": []}}], "expected a simple value for field [_id] but found [START_ARRAY]"),
        ([{"index": {}, "delete": {}}], "expected END_OBJECT but found [FIELD_NAME]"),
        ([{"index": {"if_seq_no": "x"}}], "Failed to parse [if_seq_no]"),
        ([b"{"], "Unexpected end-of-input"),
        ([{"delete": {}}], "Validation Failed: 1: id is missing;"),
        ([b" "], "request body is required"),
    ],
)
def test_malformed_lines_refuse_the_whole_request(lines: list[Any], message: str) -> None:
    """The message names the line and what stands there."""
    with pytest.raises(SedimentError) as caught:
        parse_bulk(body(*lines), Defaults("d"))
    assert message in caught.value.message


def test_no_newline_at_the_end() -> None:
    """Elasticsearch's best-known complaint."""
    with pytest.raises(SedimentError, match="must be terminated by a newline"):
        parse_bulk(b'{"index":{}}\n{}', Defaults("d"))


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ({"index": {"_id": ""}}, "illegal_argument"),
        ({"index": {"_id": "x" * 513}}, "illegal_argument"),
        ({"index": {"_id": "1", "version": 3}}, "action_request_validation"),
        ({"index": {"_id": "1", "if_seq_no": 3}}, "action_request_validation"),
        ({"create": {"_id": "1", "version": 3, "version_type": "external"}}, "action_request_validation"),
        ({"index": {"_id": "1", "version_type": "x"}}, "illegal_argument"),
        ({"index": {"_id": "1", "pipeline": "p"}}, "illegal_argument"),
    ],
)
def test_one_bad_action_is_refused_alone(line: dict[str, Any], code: str) -> None:
    """The other actions of the request go on."""
    found = parse_bulk(body(line, {}, {"index": {"_id": "good"}}, {}), Defaults("d"))
    assert {row: e.code for row, e in found.refused.items()} == {0: code}


def test_rows_that_demand_an_alias_are_told() -> None:
    """Of a line, or of the whole request; a line may say no."""
    actions = body({"index": {"_id": "1", "require_alias": True}}, {}, {"index": {"_id": "2"}}, {})
    assert parse_bulk(actions, Defaults("d")).aliased == {0}
    actions = body({"index": {"_id": "1", "require_alias": False}}, {}, {"index": {"_id": "2"}}, {})
    assert parse_bulk(actions, Defaults("d", require_alias=True)).aliased == {1}


lines = st.one_of(
    st.sampled_from(
        [
            b'{"index":{}}',
            b'{"create":{"_id":"1"}}',
            b'{"index":{"_index":"x","_id":"2"}}',
            b'{"delete":{"_id":"3"}}',
            b"",
            b"{}",
        ]
    ),
    st.binary(max_size=12).map(lambda b: b.replace(b"\n", b"")),
)


@given(st.lists(lines, max_size=8))
def test_the_fast_way_gives_what_the_slow_way_gives(given_lines: list[bytes]) -> None:
    """Any body: the same columns, or an error from both; and never any other exception."""
    data = body(*given_lines)
    try:
        fast: Any = rows(parse_bulk(data, Defaults("d")))
    except SedimentError as error:
        fast = error.code
        if error.code in {"parse", "action_request_validation"}:
            return
    try:
        slow: Any = rows(_mixed(data.split(b"\n"), Defaults("d"), False))
    except SedimentError as error:
        slow = error.code
    assert fast == slow
