"""What a corpus consists of: fields and their kinds, from which both sides' schemas are made.

Both sides index the same: text with positions and lengths; keywords as they stand, with a column for sorting and
aggregations; numbers and dates indexed and as columns; the document itself stored. The key is what a document is found
by: the record's key on our side, a raw indexed term on tantivy's.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

KEY, TEXT, KEYWORD, INTEGER, FLOAT, BOOLEAN, DATE = "key", "text", "keyword", "integer", "float", "boolean", "date"
SECONDS = "seconds"  # since 1970: a date for us, a number for tantivy, whose dates are written otherwise
RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
KEYWORD_CHARACTERS_MAX = 64
KEYWORD_DISTINCT_SHARE_MAX = 0.5
ELASTIC_TYPES: Mapping[str, Mapping[str, Any]] = {
    # found by the record's key (_id); kept in the source, not indexed a second time
    KEY: {"type": "keyword", "index": False, "doc_values": False},
    TEXT: {"type": "text"},
    KEYWORD: {"type": "keyword"},
    INTEGER: {"type": "long"},
    FLOAT: {"type": "double"},
    BOOLEAN: {"type": "boolean"},
    DATE: {"type": "date"},
    SECONDS: {"type": "date", "format": "epoch_second"},
}


@dataclass(frozen=True, slots=True)
class Field:
    """A member of every document."""

    name: str
    kind: str


COMMITS = (
    Field("id", KEY),
    Field("repo", KEYWORD),
    Field("author", KEYWORD),
    Field("ts", SECONDS),
    Field("subject", TEXT),
    Field("body", TEXT),
)
DEMO = (
    Field("id", KEY),
    Field("name", TEXT),
    Field("kind", KEYWORD),
    Field("package", KEYWORD),
    Field("module", KEYWORD),
    Field("signature", TEXT),
    Field("docstring", TEXT),
    Field("source", TEXT),
    Field("file", KEYWORD),
    Field("line", INTEGER),
    Field("lines", INTEGER),
    Field("size", INTEGER),
)
KNOWN: Mapping[str, tuple[Field, ...]] = {"commits": COMMITS, "demo": DEMO}


def mappings(fields: Iterable[Field]) -> dict[str, Any]:
    """The Elasticsearch mapping; closed, so that inference costs neither side anything."""
    return {"dynamic": "strict", "properties": {f.name: dict(ELASTIC_TYPES[f.kind]) for f in fields}}


def infer(sample: list[dict[str, Any]], key: str) -> tuple[Field, ...]:
    """The fields of a corpus nobody described, from some of its documents; raises ``ValueError`` for objects and arrays."""
    names = Counter(name for document in sample for name in document)
    found = [Field(key, KEY)]
    for name in names:
        values = [v for d in sample if (v := d.get(name)) is not None]
        if name != key and values:
            found.append(Field(name, _kind(name, values)))
    return tuple(found)


def _kind(name: str, values: list[Any]) -> str:
    types = {type(v) for v in values}
    if types == {bool}:
        return BOOLEAN
    if types == {int}:
        return INTEGER
    if types <= {int, float}:
        return FLOAT
    if types != {str}:
        raise ValueError(f"field [{name}]: only flat documents of one type per field are compared, found {types}")
    if all(RFC_3339.fullmatch(v) for v in values):
        return DATE
    short = max(map(len, values)) <= KEYWORD_CHARACTERS_MAX
    few = len(set(values)) <= max(1, KEYWORD_DISTINCT_SHARE_MAX * len(values))
    return KEYWORD if short and few else TEXT
