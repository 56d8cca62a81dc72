"""Tokens of a column against analysing its texts one by one."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.analysis.analyzer import Analyzer
from pipeline.analysis.columns import Tokens, intern_column, tokenize
from pipeline.analysis.registry import build_analyzer
from pipeline.analysis.scratch import Scratch
from pipeline.analysis.tokenizers.compiled import CompiledTokenizer, Cut
from schemas.records import ByteColumn

ANALYZERS = ("standard", "simple", "whitespace", "keyword", "stop")
_PIECES = "a The not don't x_y ___ 3.14 1,2 a.b : é' É #️⃣ * א\"א א' 漢字 カナ 👍🏻 K Ⱥ ."
_LONG = ["w" * 63, "w" * 64, "W" * 300, "1\u0301,2", "\u00a0", "\u2028"]
_word = st.sampled_from([*_PIECES.split(), *_LONG])
_text = st.lists(_word, max_size=20).map(" ".join) | st.lists(_word, max_size=9).map("".join) | st.text()
_documents = st.lists(st.lists(_text, max_size=3), max_size=6)


def column_of(documents: Sequence[Sequence[str]]) -> tuple[np.ndarray, ByteColumn]:
    """(rows, values) of documents with several texts each."""
    rows = [row for row, values in enumerate(documents) for _ in values]
    data = [v.encode("utf-8", "replace") for values in documents for v in values]
    return np.array(rows, np.int32), ByteColumn.of(data)


def read(tokens: Tokens) -> list[list[tuple[str, int]]]:
    """(term, position) of each token, by document."""
    terms = [t.decode() for t in tokens.terms.to_list()]
    out = []
    for start, end in zip(tokens.starts[:-1], tokens.starts[1:], strict=True):
        positions = range(end - start) if tokens.positions is None else tokens.positions[start:end].tolist()
        out.append([(terms[i], p) for i, p in zip(tokens.ids[start:end], positions, strict=True)])
    return out


def slowly(name: str, values: Sequence[str]) -> list[tuple[str, int]]:
    """One document's (term, position), text by text."""
    out, last = [], -1
    unstopped = build_analyzer("simple" if name == "stop" else name)
    for value in values:
        text = value.encode("utf-8", "replace").decode()
        out += [(t.term, last + 1 + t.position) for t in build_analyzer(name).analyze(text)]
        last += len(unstopped.analyze(text)) + 100
    return out


@pytest.mark.parametrize("name", ANALYZERS)
@given(documents=_documents)
@example(documents=[["a" * 64 + ".b"], ["a" * 63 + ".b"], ["a" * 63 + "é.b", "1" * 64 + ",2"]])
@example(documents=[["a"], ["'b"], ["x."], ["y", ".z"]])
@example(documents=[["", ""], [], ["x", "", "y"]])
def test_a_column_is_its_texts(name: str, documents: list[list[str]]) -> None:
    """Terms, positions and counts are those of one text at a time; neighbours in the buffer do not matter."""
    rows, values = column_of(documents)
    tokens = tokenize(build_analyzer(name), rows=rows, values=values, documents=len(documents))
    assert read(tokens) == [slowly(name, values) for values in documents]
    assert tokens.terms.counts.tolist() == np.bincount(tokens.ids, minlength=len(tokens.terms)).tolist()
    assert len(set(tokens.terms.to_list())) == len(tokens.terms)


@given(texts=st.lists(_text, max_size=6))
@example(texts=["Hello World", "HELLO hello HelloWorld helloworld"])
def test_case_is_kept_where_nothing_folds_it(texts: list[str]) -> None:
    """The standard tokenizer without the lowercase filter, whose words go the fast way too."""
    analyzer = Analyzer("kept", CompiledTokenizer(Cut.STANDARD))
    rows, values = column_of([[text] for text in texts])
    tokens = tokenize(analyzer, rows=rows, values=values, documents=len(texts))
    readable = [text.encode("utf-8", "replace").decode() for text in texts]
    expected = [[(t.term, t.position) for t in analyzer.analyze(text)] for text in readable]
    assert read(tokens) == expected


def test_scratch_is_used_again() -> None:
    """The same scratch for a larger and a smaller column, and for a column that is a slice."""
    scratch, analyzer = Scratch(), build_analyzer()
    documents = [[f"word{i} word{i % 7} Word{i}"] for i in range(9000)]
    rows, values = column_of(documents)
    expected = [slowly("standard", d) for d in documents]
    whole = tokenize(analyzer, rows=rows, values=values, documents=9000, scratch=scratch)
    assert read(whole) == expected
    part = tokenize(analyzer, rows=rows[:50], values=values.slice(100, 150), documents=50, scratch=scratch)
    assert read(part) == expected[100:150]


@given(st.lists(st.binary(max_size=20) | st.sampled_from([b"", b"a", b"A", b"a\0", b"12345678", b"12345678\0"])))
def test_interning_numbers_by_appearance(values: list[bytes]) -> None:
    """Equal strings have one number, in order of first appearance; case and length tell strings apart."""
    ids, terms = intern_column(ByteColumn.of(values), Scratch())
    distinct = list(dict.fromkeys(values))
    assert terms.to_list() == distinct
    assert ids.tolist() == [distinct.index(v) for v in values]
    assert terms.counts.tolist() == [values.count(v) for v in distinct]
