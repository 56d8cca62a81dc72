"""Chains of components, and their tokens as one line of text: ``term[start-end]@position``, ``~length`` where a token is long."""

from collections.abc import Sequence
from typing import Any

from pipeline.analysis.definitions.analyzer_set import AnalyzerSet, Chain, analyzer_set
from pipeline.analysis.words import Token
from schemas.errors import SedimentError, illegal_argument


def missing(kind: str, name: str) -> SedimentError:
    """The error for a component that there is not."""
    return illegal_argument(f"no {kind} [{name}]")


def chain(
    tokenizer: Any = "standard",
    filters: Sequence[Any] = (),
    char_filters: Sequence[Any] = (),
    analyzers: AnalyzerSet | None = None,
) -> Chain:
    """An analyzer of these components."""
    return (analyzers or analyzer_set()).compose("test", tokenizer, filters, char_filters, missing)


def shown(tokens: Sequence[Token]) -> str:
    """The tokens as a line."""
    return " ".join(
        f"{t.term}[{t.start_offset}-{t.end_offset}]@{t.position}"
        + (f"~{t.position_length}" if t.position_length > 1 else "")
        for t in tokens
    )


def terms(tokens: Sequence[Token]) -> list[str]:
    """The terms alone."""
    return [t.term for t in tokens]


def analyzed(
    text: str, tokenizer: Any = "standard", filters: Sequence[Any] = (), char_filters: Sequence[Any] = ()
) -> str:
    """A text's tokens as a line."""
    return shown(chain(tokenizer, filters, char_filters).analyzer.analyze(text))


def words(
    text: str, tokenizer: Any = "standard", filters: Sequence[Any] = (), char_filters: Sequence[Any] = ()
) -> list[str]:
    """A text's terms."""
    return terms(chain(tokenizer, filters, char_filters).analyzer.analyze(text))
