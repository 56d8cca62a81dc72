"""Why a document cannot be indexed, in Elasticsearch's words; the first reason of each document.

A bad value costs no Python until all columns are done: problems are collected as arrays of leaves and put into
words for the first one of each document only, in document order.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from json.decoder import JSONDecodeError
from typing import Protocol

import numpy as np

from pipeline.json_columns.columns import Reject
from pipeline.json_columns.kernels.number_kernels import (
    HAS_FRACTION,
    IS_BOOLEAN,
    IS_OBJECT,
    IS_STRING,
    NOT_FINITE,
    OUT_OF_RANGE,
)
from pipeline.json_columns.kernels.scalar_kernels import (
    ESCAPED_FLAG,
    KIND,
    STRING,
)
from pipeline.json_columns.kernels.tape_kernels import (
    DOCUMENT_PATHS_MAX,
    DUPLICATE_KEY,
    EMPTY_DOCUMENT,
    KEY_BYTES_MAX,
    TapeArrays,
)
from pipeline.kernels.arrays import I32Array, I64Array, U8Array
from schemas.limits import DEPTH_MAX, FIELD_DEPTH_MAX, KEYWORD_BYTES_MAX
from schemas.mapping import Dynamic, Field, FieldType

PREVIEW_CHARACTERS_MAX = 256
STRICT = "strict_dynamic_mapping"
# by the codes of kernels.tape_kernels
MALFORMED_WORDS = (
    "",
    "unexpected token",
    "unexpected end of document",
    "bad escape in a string",
    "control character in a string",
    "lone surrogate in a string",
    "invalid UTF-8",
    f"nesting deeper than {DEPTH_MAX}",
    "NaN and Infinity are not JSON numbers",
    "extra data after the document",
    "the document is not a JSON object",
    "duplicate field",
    f"more than {DOCUMENT_PATHS_MAX} distinct paths",
    f"a field name is longer than {KEY_BYTES_MAX} bytes",
    "document is empty",
)
ARTICLES = {FieldType.INTEGER: "an"}


class Leaves(Protocol):
    """What is needed of a tape to quote from it."""

    @property
    def data(self) -> U8Array: ...
    @property
    def starts(self) -> I64Array: ...
    @property
    def leaves(self) -> TapeArrays: ...


@dataclass(frozen=True, slots=True)
class Reason:
    """The words for one kind of problem."""

    reason: str
    code: str = "mapper_parsing"
    cause: str = ""
    field: str = ""


Wording = Callable[[str, int, int], Reason]  # (the value as text, its fate, its leaf) -> reason


@dataclass(slots=True)
class Problems:
    """Leaves that reject their document, in the order of discovery."""

    leaves: list[I32Array] = field(default_factory=list)
    fates: list[U8Array] = field(default_factory=list)
    wordings: list[Wording] = field(default_factory=list)

    def add(self, leaves: I32Array, fates: U8Array | int, wording: Wording) -> None:
        """Some leaves, with the fate of each or of all."""
        if len(leaves):
            self.leaves.append(leaves)
            self.fates.append(np.broadcast_to(np.asarray(fates, np.uint8), leaves.shape))
            self.wordings.append(wording)

    def rejects(self, tape: Leaves) -> list[Reject]:
        """The first problem of each document, by row."""
        if not self.leaves:
            return []
        leaves, fates = np.concatenate(self.leaves), np.concatenate(self.fates)
        origin = np.repeat(np.arange(len(self.leaves)), [len(a) for a in self.leaves])
        rows = tape.leaves.rows[leaves]
        order = np.lexsort((origin, leaves))
        first = order[np.unique(rows[order], return_index=True)[1]]
        found = zip(leaves[first], fates[first], origin[first], strict=True)
        return [_reject(tape, int(leaf), int(fate), self.wordings[i]) for leaf, fate, i in found]


def malformed(document: U8Array, row: int, position: int, code: int) -> Reject:
    """A document that is not well-formed JSON, or beyond a bound."""
    if code == EMPTY_DOCUMENT:
        return Reject(row, "mapper_parsing", "failed to parse, document is empty", position=0)
    words = MALFORMED_WORDS[code]
    if code == DUPLICATE_KEY:
        words = f"Duplicate field '{_key_at(document, position)}'"
    return Reject(row, "mapper_parsing", f"failed to parse: {words} at byte {position}", position=position)


def text_of(tape: Leaves, leaf: int, bytes_max: int | None = None) -> str:
    """A value as text: a string unescaped, anything else as it stands in the source."""
    kind, start, end = (int(a[leaf]) for a in (tape.leaves.kinds, tape.leaves.starts, tape.leaves.ends))
    if bytes_max is not None and end - start > bytes_max:
        return _cut(tape.data[start : start + bytes_max].tobytes())
    source = tape.data[start:end].tobytes()
    if kind & KIND == STRING and kind & ESCAPED_FLAG:
        text: str = json.loads(b'"' + source + b'"')
        return text
    return source.decode()


def bad_value(one: Field) -> Wording:
    """A value that a field's type does not take."""

    def words(text: str, fate: int, leaf: int) -> Reason:
        reason = f"failed to parse field [{one.path}] of type [{one.type.value}]. Preview of field's value: '{text}'"
        return Reason(reason, cause=_cause(one, text, fate), field=one.path)

    return words


def immense_term(one: Field) -> Wording:
    """A keyword longer than Lucene's longest term."""

    def words(text: str, fate: int, leaf: int) -> Reason:
        reason = (
            f'Document contains at least one immense term in field="{one.path}" (whose UTF8 encoding is longer than the '
            f"max length {KEYWORD_BYTES_MAX}), all of which were skipped. Please correct the analyzer to not produce such "
            f"terms. The prefix of the first immense term is: '{list(text.encode()[:30])}...'"
        )
        return Reason(reason, "illegal_argument", field=one.path)

    return words


def not_an_object(path: str) -> Wording:
    """A scalar where the mapping has an object."""
    name = path.rpartition(".")[2]
    reason = f"object mapping for [{path}] tried to parse field [{name}] as object, but found a concrete value"
    return lambda text, fate, leaf: Reason(reason, field=path)


def refused(reason: Reason) -> Wording:
    """A path that may not be, whatever its value."""
    return lambda text, fate, leaf: reason


def strict(name: str, parent: str, dynamic: Dynamic) -> Reason:
    """An unknown field where the mapping is strict, in one of its ways."""
    words = f"mapping set to {dynamic}, dynamic introduction of [{name}] within [{parent or '_doc'}] is not allowed"
    return Reason(words, STRICT, field=f"{parent}.{name}" if parent else name)


def through_leaf(path: str, leaf: str, kind: str) -> Reason:
    """A path that goes on below a field that holds values."""
    words = f"Could not dynamically add mapping for field [{path}]. Existing mapping for [{leaf}] must be of type object but found [{kind}]."
    return Reason(words, field=path)


def too_deep(path: str) -> Reason:
    """An object nested deeper than a mapping may be."""
    words = f"Limit of mapping depth [{FIELD_DEPTH_MAX}] has been exceeded due to object field [{path}]"
    return Reason(words, "illegal_argument", field=path)


def _cause(one: Field, text: str, fate: int) -> str:
    kind = one.type.value
    by_fate = {
        OUT_OF_RANGE: f"Value [{text}] is out of range for {ARTICLES.get(one.type, 'a')} {kind}",
        HAS_FRACTION: f"{text} cannot be converted to {kind.capitalize()} without data loss",
        NOT_FINITE: f"[{kind}] supports only finite values, but got [{text}]",
        IS_OBJECT: f"Can't get a {kind} of an object",
        IS_STRING: f"{kind.capitalize()} value passed as String",
        IS_BOOLEAN: f"Current token (VALUE_{text.upper()}) not numeric, can not use numeric value accessors",
    }
    return by_fate.get(fate) or _cause_by_type(one, text)


def _cause_by_type(one: Field, text: str) -> str:
    match one.type:
        case FieldType.DATE:
            return f"failed to parse date field [{text}] with format [{one.format}]"
        case FieldType.IP:
            return f"'{text}' is not an IP string literal."
        case FieldType.BOOLEAN:
            return f"Failed to parse value [{text}] as only [true] or [false] are allowed."
        case _:
            return f'For input string: "{text}"'


def _reject(tape: Leaves, leaf: int, fate: int, wording: Wording) -> Reject:
    row, start = int(tape.leaves.rows[leaf]), int(tape.leaves.starts[leaf])
    text = text_of(tape, leaf, bytes_max=4 * PREVIEW_CHARACTERS_MAX)
    if len(text) > PREVIEW_CHARACTERS_MAX:
        text = text[:PREVIEW_CHARACTERS_MAX] + "..."
    found = wording(text, fate, leaf)
    position = start - int(tape.starts[row]) - (int(tape.leaves.kinds[leaf]) & KIND == STRING)
    return Reject(row, found.code, found.reason, found.field, position, found.cause)


def _cut(source: bytes) -> str:
    """The readable part of a value that was cut, its escapes as they stand."""
    return source.decode(errors="ignore")


def _key_at(document: U8Array, position: int) -> str:
    source = document[position : position + KEY_BYTES_MAX + 2].tobytes().decode(errors="replace")
    try:
        key: str = json.JSONDecoder().raw_decode(source)[0]
    except JSONDecodeError:
        return source[1:PREVIEW_CHARACTERS_MAX]
    return key[:PREVIEW_CHARACTERS_MAX]
