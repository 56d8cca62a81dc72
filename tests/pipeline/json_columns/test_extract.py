"""A scanned batch to columns: against the twin, for any split; Elasticsearch's coercions one by one."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.json_columns.columns import BytesValues, Extracted, NumberValues
from pipeline.json_columns.extract import extract, select
from pipeline.json_columns.scanner import Scanner
from pipeline.json_columns.twin import extract_slowly
from schemas.limits import KEYWORD_BYTES_MAX, READABLE_PAD_BYTES
from schemas.mapping import IndexMapping, parse_mapping
from schemas.records import ByteColumn

MAPPING = parse_mapping({
    "properties": {
        "a": {"type": "text", "fields": {"raw": {"type": "keyword", "ignore_above": 3}, "n": {"type": "long", "ignore_malformed": True}}},
        "k": {"type": "keyword", "null_value": "none"},
        "n": {"type": "long"},
        "i": {"type": "integer", "null_value": 7},
        "s": {"type": "short", "coerce": False},
        "y": {"type": "byte", "ignore_malformed": True},
        "f": {"type": "float"},
        "g": {"type": "double"},
        "b": {"type": "boolean"},
        "d": {"type": "date"},
        "e": {"type": "date", "format": "yyyy-MM-dd HH:mm:ss||epoch_second", "ignore_malformed": True},
        "p": {"type": "ip"},
        "o": {"properties": {"k": {"type": "keyword"}, "q": {"properties": {"n": {"type": "long"}}}}},
        "x": {"type": "object", "enabled": False},
        "t": {"dynamic": "strict", "properties": {"k": {"type": "keyword"}}},
        "u": {"dynamic": "false", "properties": {"k": {"type": "keyword"}}},
        "hidden": {"type": "long", "index": False, "doc_values": False},
    }
})  # fmt: skip
KEYS = ["a", "k", "n", "i", "s", "y", "f", "g", "b", "d", "e", "p", "o", "q", "x", "t", "u", "hidden", "o.k", "o.q", "q.n", "a.raw", "new",
    "new.z", "z", "", ".", "a..b", " ", "ключ", "x" * 9, "x" * 600]  # fmt: skip
TEXTS = [
    "", "x", "abc", "abcd", "été", "😀😀", "😀a", "true", "false", "True", "12", " 12", "+5", "1.7", "-3e2", ".5", "5.", "1e400", 'abc\n"\\',
        "9223372036854775808", "-9223372036854775808",
    "2020-01-02", "2020-01-02T03:04:05.678Z", "2020-02-30", "2020", "2020/01/02", "2020/01/02 03:04:05", "2020-01-02 03:04:05",
        "1577836800", "-1.5", "2020-01-02T03+02:00", "2020-01T10:00",
    "1.2.3.4", "::1", "1.2.3.256", "::ffff:1.2.3.4", "fe80::1%eth0", "NaN", "Infinity", "1" * 25, "0." + "1" * 30,
]  # fmt: skip
NUMBERS = ["0", "-0", "1", "127", "128", "-129", "1.5", "1.0", "1e3", "1E-2", "32768", "2147483648", "9223372036854775807",
    "9223372036854775808", "-9223372036854775809", "1e400", "3.5e38", "0.1", "2020", "1577836800000", "1577836800000.5",
    "123456789012345678901.5", "12345678901234567890123e-5", "1e-400", "9007199254740993"]  # fmt: skip


class Raw(str):
    """A number as it is to stand in the document."""

    __slots__ = ()


scalars = st.one_of(
    st.sampled_from(TEXTS), st.sampled_from(NUMBERS).map(Raw), st.booleans(), st.none(), st.text(max_size=8)
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(st.tuples(st.sampled_from(KEYS), inner), max_size=3, unique_by=lambda pair: pair[0]).map(tuple),
    ),
    max_leaves=8,
)
documents = st.lists(st.tuples(st.sampled_from(KEYS), values), max_size=5, unique_by=lambda pair: pair[0]).map(
    lambda pairs: render(tuple(pairs))
)
BROKEN = [
    b"", b" ", b"[]", b"1", b"{", b'{"a"}', b'{"a":1,}', b'{"a":1,"a":2}', b'{"a":{"z":1,"\\u007a":2}}', b'{"a":NaN}', b'{"a":-Infinity}',
        b'{"a":"\xff"}', b'{"a":"\\ud800"}', b'{"a":1}x', b'{"a":"\x01"}',
    b'{"a":01}', b'{"\\ud83d\\ude00":1}', b'\xef\xbb\xbf{"a":1}', b'{"a":' * 101 + b"1" + b"}" * 101,
        b'{"a":' + b"[" * 99 + b"]" * 99 + b"}", b'{"a":' + b"[" * 100 + b"]" * 100 + b"}",
]  # fmt: skip
column_of_documents = st.lists(
    st.one_of(documents, documents, documents, st.sampled_from(BROKEN), st.none()), max_size=12
)


def render(value: Any) -> bytes:
    """JSON of a value; tuples are objects."""
    if isinstance(value, tuple):
        return b"{" + b", ".join(json.dumps(k).encode() + b":" + render(v) for k, v in value) + b"}"
    if isinstance(value, list):
        return b"[" + b",".join(map(render, value)) + b"]"
    if isinstance(value, Raw):
        return value.encode()
    return json.dumps(value, ensure_ascii=len(str(value)) % 2 == 0).encode()


def comparable(found: Extracted, origin: int = 0) -> dict[str, Any]:
    """What two extractions must agree on; rows counted from ``origin``."""
    rejected = {one.row for one in found.rejects}
    columns = {}
    for path, column in found.columns.items():
        listed = (
            column.values.to_list() if isinstance(column, BytesValues) else [repr(v) for v in column.values.tolist()]
        )
        pairs = [
            (int(row) + origin, value) for row, value in zip(column.rows, listed, strict=True) if row not in rejected
        ]
        if pairs:
            columns[path] = pairs
    return {
        "columns": columns,
        "rejects": [(one.row + origin, one.code) for one in found.rejects],
        "new": [(one.row + origin, one.path, one.definition) for one in found.new_fields],
    }


def fast(docs: list[bytes | None], mapping: IndexMapping = MAPPING, scanner: Scanner | None = None) -> Extracted:
    """Scan and extract."""
    return extract((scanner or Scanner()).scan(ByteColumn.of(docs)), mapping)


def one(body: Any, mapping: Any = None) -> Extracted:
    """Extraction of one document."""
    parsed = MAPPING if mapping is None else parse_mapping({"properties": mapping})
    return fast([body if isinstance(body, bytes) else json.dumps(body).encode()], parsed)


SETTINGS = [
    MAPPING,
    parse_mapping(
        {"dynamic": "strict", "properties": {"a": {"type": "text"}, "o": {"dynamic": "true", "properties": {}}}}
    ),
    parse_mapping({"dynamic": "false", "properties": {"n": {"type": "double", "coerce": False}}}),
    parse_mapping({"date_detection": False, "numeric_detection": True}),
    parse_mapping({"numeric_detection": True}),
    parse_mapping(
        {
            "dynamic_date_formats": ["yyyy-MM-dd HH:mm:ss", "yyyy/MM/dd"],
            "properties": {
                "k": {"type": "keyword", "copy_to": ["a", "n", "new"]},
                "a": {"type": "text", "fields": {"raw": {"type": "keyword", "ignore_above": 3}}},
                "n": {"type": "long", "ignore_malformed": True, "copy_to": "o.z"},
                "b": {"type": "boolean", "copy_to": ["t.z", "k"]},
                "t": {"dynamic": "strict", "properties": {"k": {"type": "keyword"}}},
            },
        }
    ),
    parse_mapping(
        {
            "dynamic_templates": [
                {"dates": {"match_mapping_type": "date", "match": "z", "mapping": {"type": "date"}}},
                {"texts": {"match_mapping_type": "string", "unmatch": "q*", "mapping": {"type": "keyword"}}},
                {"wholes": {"match_mapping_type": "long", "path_match": "o.*", "mapping": {"type": "integer"}}},
                {
                    "named": {
                        "match": ["n", "new"],
                        "path_unmatch": "o.*",
                        "mapping": {"type": "long", "ignore_malformed": True},
                    }
                },
                {"closed": {"match_mapping_type": "object", "match": "x", "mapping": {"enabled": False}}},
                {"open": {"match_mapping_type": "object", "match": "q", "mapping": {"dynamic": "strict"}}},
            ]
        }
    ),
    parse_mapping(
        {
            "dynamic": "strict_allow_templates",
            "dynamic_templates": [{"texts": {"match_mapping_type": "string", "mapping": {"type": "keyword"}}}],
            "properties": {
                "o": {"dynamic": "false_allow_templates", "properties": {}},
                "t": {"dynamic": "strict_allow_templates", "properties": {}},
            },
        }
    ),
    parse_mapping(
        {
            "dynamic": "strict_allow_templates",
            "properties": {"o": {"dynamic": "false_allow_templates", "properties": {}}},
        }
    ),
]


@settings(max_examples=400)
@given(column_of_documents, st.sampled_from(SETTINGS))
@example(
    [b'{"new":[{"a":1},2]}', b'{"new":[2,{"a":1}]}', b'{"z":1,"z.a":2}', b'{"z.a":1,"z":2}', b'{"z":{"a":{}},"q":{}}'],
    MAPPING,
)
@example(
    [
        b'{"new":"2020-01-01"}',
        b'{"new":["2020-01-01","x"]}',
        b'{"new":[1,"x"]}',
        b'{"new":["x",1]}',
        b'{"new":18446744073709551616}',
    ],
    MAPPING,
)
def test_extraction_agrees_with_the_twin(docs: list[bytes | None], mapping: IndexMapping) -> None:
    """Columns, rejected rows with their codes, and new fields are those of the twin."""
    assert comparable(fast(docs, mapping)) == comparable(extract_slowly(ByteColumn.of(docs), mapping))


@settings(max_examples=100)
@given(column_of_documents, st.data())
def test_a_batch_may_be_split_anywhere(docs: list[bytes | None], data: st.DataObject) -> None:
    """What a document yields depends neither on its batch nor on earlier batches."""
    cut = data.draw(st.integers(0, len(docs)))
    scanner = Scanner()
    whole = comparable(fast(docs))
    parts = [comparable(fast(docs[:cut], scanner=scanner)), comparable(fast(docs[cut:], scanner=scanner), cut)]
    joined: dict[str, list[Any]] = {}
    for part in parts:
        for path, pairs in part["columns"].items():
            joined.setdefault(path, []).extend(pairs)
    assert joined == whole["columns"]
    assert parts[0]["rejects"] + parts[1]["rejects"] == whole["rejects"]
    seen = {path for _, path, _ in parts[0]["new"]}
    assert parts[0]["new"] + [new for new in parts[1]["new"] if new[1] not in seen] == whole["new"]


def test_values_are_copied_in_the_order_of_the_document() -> None:
    """To fields that are there and to new ones, own values among them, not further on; a null says nothing."""
    mapping = {
        "a": {"type": "keyword", "copy_to": ["all", "new"]},
        "n": {"type": "long", "copy_to": "all"},
        "all": {"type": "text", "copy_to": "never", "fields": {"raw": {"type": "keyword"}}},
    }
    found = one(b'{"n": [1, 2], "all": "own", "a": ["x", null]}', mapping)
    values = found.columns["all"].values
    assert isinstance(values, ByteColumn)
    assert values.to_list() == [b"1", b"2", b"own", b"x"]
    assert found.columns["all.raw"].rows.tolist() == [0, 0, 0, 0]
    assert [(new.path, new.definition["type"]) for new in found.new_fields] == [("never", "text"), ("new", "text")]
    (reject,) = one({"a": "x"}, {"a": {"type": "keyword", "copy_to": "n"}, "n": {"type": "long"}}).rejects
    assert reject.field == "n"


def test_a_null_says_nothing_of_a_strict_field() -> None:
    """Nor an array of nulls; an empty array and an object do."""
    assert not one({"t": {"z": None}}).rejects
    assert not one({"t": {"z": [None]}}).rejects
    value: Any
    for value in ([], {}, 1):
        assert one({"t": {"z": value}}).rejects[0].code == "strict_dynamic_mapping"


def test_dynamic_templates_fill_in_names() -> None:
    """The first template that means a field defines it; an object that one means is defined before what lies in it."""
    mapping = parse_mapping({
        "dynamic_templates": [
            {"named": {"match": "t_*", "mapping": {"type": "{dynamic_type}", "analyzer": "english", "meta": {"n": "{name}"}}}},
            {"rest": {"match_mapping_type": "string", "mapping": {"type": "keyword"}}},
            {"objects": {"match_mapping_type": "object", "path_match": "o.*", "mapping": {"dynamic": False}}},
        ]
    })  # fmt: skip
    found = fast([b'{"t_a": "x", "b": "y", "c": 1, "o": {"p": {"q": 1}}}'], mapping)
    assert [(new.path, new.definition) for new in found.new_fields] == [
        ("t_a", {"type": "text", "analyzer": "english", "meta": {"n": "t_a"}}),
        ("b", {"type": "keyword"}),
        ("c", {"type": "long"}),
        ("o", {"type": "object"}),
        ("o.p", {"type": "object", "dynamic": False}),
    ]


def test_reasons_are_those_of_elasticsearch() -> None:
    """A reject names field, type and value, with the position in the document and the cause."""
    (reject,) = one(b'{"n": [1, "abc"]}').rejects
    assert reject.reason == "failed to parse field [n] of type [long]. Preview of field's value: 'abc'"
    assert (reject.code, reject.field, reject.position) == ("mapper_parsing", "n", 10)
    assert one({"n": 1 << 63}).rejects[0].cause == "Value [9223372036854775808] is out of range for a long"
    assert one({"i": "3000000000"}).rejects[0].cause == "Value [3000000000] is out of range for an integer"
    assert one(b'{"g": 1e999}').rejects[0].cause == "[double] supports only finite values, but got [1e999]"
    assert one({"b": "x"}).rejects[0].cause == "Failed to parse value [x] as only [true] or [false] are allowed."
    assert one({"p": "x"}).rejects[0].cause == "'x' is not an IP string literal."
    assert (
        one({"o": 1}).rejects[0].reason
        == "object mapping for [o] tried to parse field [o] as object, but found a concrete value"
    )
    assert (
        one({"t": {"z": 1}}).rejects[0].reason
        == "mapping set to strict, dynamic introduction of [z] within [t] is not allowed"
    )
    assert (
        one({"a.raw": "x"})
        .rejects[0]
        .reason.endswith("Existing mapping for [a] must be of type object but found [text].")
    )
    assert one(b'{"a":1, "a":2}').rejects[0].reason == "failed to parse: Duplicate field 'a' at byte 8"


def test_immense_terms_are_rejected_unless_ignore_above_covers_them() -> None:
    """A keyword longer than Lucene's longest term rejects its document; with ignore_above it is left out."""
    value = "x" * (KEYWORD_BYTES_MAX + 1)
    (reject,) = one({"k": value}).rejects
    assert reject.code == "illegal_argument"
    assert 'immense term in field="k"' in reject.reason
    found = one({"k": value}, {"k": {"type": "keyword", "ignore_above": 100}})
    assert not found.rejects
    assert len(found.columns["k"].rows) == 0


def test_values_carry_padding() -> None:
    """Kernels may read before and after the bytes of a column."""
    column = one({"a": "abc", "p": "1.2.3.4"}).columns
    for path in ("a", "p"):
        values = column[path].values
        assert isinstance(values, ByteColumn)
        assert values.starts[0] >= READABLE_PAD_BYTES
        assert len(values.data) >= values.starts[-1] + READABLE_PAD_BYTES
        assert not values.data[: values.starts[0]].any()
        assert not values.data[values.starts[-1] : values.starts[-1] + READABLE_PAD_BYTES].any()


def test_several_new_fields_of_a_row_are_all_listed() -> None:
    """New fields come in document order, objects only where nothing else implies them."""
    found = one({"z": [1, 2], "m": {"x": "hello", "y": {}}, "d2": "2020-01-01", "d3": "2020/01/01"})
    assert [(new.path, new.definition["type"]) for new in found.new_fields] == [
        ("z", "long"), ("m.x", "text"), ("m.y", "object"), ("d2", "date"), ("d3", "date"),
    ]  # fmt: skip


def test_a_rejected_row_proposes_nothing() -> None:
    """The first document that is accepted proposes, with its own type."""
    found = fast([b'{"z": "text", "n": "bad"}', b'{"z": 5}'])
    assert [(new.row, new.definition) for new in found.new_fields] == [(1, {"type": "long"})]


def test_objects_deeper_than_the_limit_are_rejected() -> None:
    """Twenty nested objects may be mapped, not more."""

    def nested(depth: int) -> bytes:
        return b'{"z":' * depth + b"1" + b"}" * depth

    assert not one(nested(21)).rejects
    assert one(nested(22)).rejects[0].reason.startswith("Limit of mapping depth [20] has been exceeded")


def test_select_renumbers_rows() -> None:
    """Rows become documents; what is left out goes, padding stays; without drops values are shared."""
    columns = fast([b'{"a":"x","n":1}', b'{"a":["y","yy"],"n":2}', b'{"a":"z","n":3}']).columns
    same = select(columns, np.array([0, 1, 2], np.int32))
    assert same["a"].values is columns["a"].values
    some = select(columns, np.array([-1, 0, 1], np.int32))
    assert isinstance(some["a"], BytesValues)
    assert some["a"].values.to_list() == [b"y", b"yy", b"z"]
    assert some["a"].rows.tolist() == [0, 0, 1]
    assert isinstance(some["n"], NumberValues)
    assert some["n"].values.tolist() == [2, 3]
    assert some["a"].values.starts[0] >= READABLE_PAD_BYTES


def test_large_documents_stay_linear() -> None:
    """A hundred thousand keys are refused, a million array elements and a long string are taken."""
    keys = b"{" + b",".join(b'"k%d":1' % i for i in range(100_000)) + b"}"
    array = b'{"n":[' + b",".join([b"1"] * 1_000_000) + b"]}"
    text = b'{"a":"' + b"x" * 10_000_000 + b'"}'
    deep = b'{"a":' * 10_000
    found = fast([keys, array, text, deep])
    assert [one.row for one in found.rejects] == [0, 3]
    assert "more than 10000 distinct paths" in found.rejects[0].reason
    assert len(found.columns["n"].rows) == 1_000_000


@pytest.mark.parametrize("known", [0, 6000])
def test_the_bound_of_paths_does_not_depend_on_earlier_batches(known: int) -> None:
    """A document with too many paths is refused also where the scanner knows most of them."""
    scanner = Scanner()
    mapping = parse_mapping({"dynamic": "false"})
    fast([json.dumps({f"k{i}": 1 for i in range(known)}).encode()], mapping, scanner)
    assert not fast([json.dumps({f"k{i}": 1 for i in range(10_000)}).encode()], mapping, scanner).rejects
    assert fast([json.dumps({f"k{i}": 1 for i in range(10_001)}).encode()], mapping, scanner).rejects
