r"""Regular expressions as Java writes them, by the ``regex`` module; filters that use them.

Java's classes (``\d``, ``\w``, ``\s``, ``\b``) know ASCII only, ``\p{...}`` and intersections of sets know Unicode: so does ``regex`` in its
second version with ASCII classes.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import regex  # type: ignore[import-untyped]
from typing_extensions import override

from pipeline.analysis.words import TermFilter, Word
from schemas.errors import illegal_argument

Pattern = Any  # regex.Pattern: the module has no types
_FLAGS: Final = {
    "CASE_INSENSITIVE": regex.IGNORECASE, "MULTILINE": regex.MULTILINE, "DOTALL": regex.DOTALL, "COMMENTS": regex.VERBOSE,
    "UNICODE_CASE": 0, "CANON_EQ": 0, "UNIX_LINES": 0, "LITERAL": 0, "UNICODE_CHAR_CLASS": 0, "UNICODE_CHARACTER_CLASS": 0,
}  # fmt: skip
_JAVA_CLASSES: Final = {
    r"\p{Alpha}": "[a-zA-Z]", r"\p{Digit}": "[0-9]", r"\p{Alnum}": "[a-zA-Z0-9]", r"\p{Upper}": "[A-Z]", r"\p{Lower}": "[a-z]",
    r"\p{Punct}": r"[!-/:-@\[-`{-~]", r"\p{Space}": r"[ \t\n\x0b\f\r]", r"\p{ASCII}": r"[\x00-\x7f]", r"\p{IsAlphabetic}": r"\p{Alphabetic}",
    r"\p{IsDigit}": r"\p{Nd}", r"\p{javaLowerCase}": r"\p{Ll}", r"\p{javaUpperCase}": r"\p{Lu}", r"\h": r"[ \t\u00a0\u2000-\u200a\u3000]",
}  # fmt: skip
_REFERENCE: Final = re.compile(r"\\(.)|\$(\d)(\d*)|\$\{([A-Za-z][A-Za-z0-9]*)\}|\$|\\", re.DOTALL)


def compiled(pattern: str, flags: str = "") -> Pattern:
    """A Java pattern with flags such as ``CASE_INSENSITIVE|COMMENTS``. Raises ``illegal_argument``."""
    bits, literal = regex.VERSION1 | regex.ASCII, False
    for name in filter(None, (f.strip() for f in flags.split("|"))):
        if name not in _FLAGS:
            raise illegal_argument(f"Unknown regex flag [{name}]")
        bits |= _FLAGS[name]
        literal = literal or name == "LITERAL"
        if name.startswith("UNICODE_CHAR"):
            bits &= ~regex.ASCII
    text = regex.escape(pattern) if literal else pattern
    for java, ours in _JAVA_CLASSES.items():
        text = text.replace(java, ours)
    try:
        return regex.compile(text, bits)
    except (regex.error, OverflowError, RecursionError, ValueError) as error:
        raise illegal_argument(f"the pattern [{pattern}] cannot be read as a regular expression: {error}") from error


def replacement(text: str, pattern: Pattern) -> Callable[[Any], str]:
    r"""Java's replacement text (``$1``, ``${name}``, ``\$``) as a function of a match. Raises ``illegal_argument``."""
    parts: list[str | int] = []
    at = 0
    for found in _REFERENCE.finditer(text):
        parts.append(text[at : found.start()])
        parts += _referenced(found, pattern, text)
        at = found.end()
    parts.append(text[at:])
    fixed = tuple(p for p in parts if p != "")
    return lambda match: "".join(p if isinstance(p, str) else match.group(p) or "" for p in fixed)


def _referenced(found: re.Match[str], pattern: Pattern, text: str) -> Sequence[str | int]:
    escaped, first, more, name = found.groups()
    if escaped is not None:
        return [escaped]
    if name is not None and name in pattern.groupindex:
        return [int(pattern.groupindex[name])]
    if first is None or int(first) > pattern.groups:
        raise illegal_argument(f"the replacement [{text}] names a group that the pattern [{pattern.pattern}] has not")
    number = int(first)  # as many digits as still name a group
    while more and number * 10 + int(more[0]) <= pattern.groups:
        number, more = number * 10 + int(more[0]), more[1:]
    return [number, more]


@dataclass(frozen=True, slots=True)
class ReplacePattern(TermFilter):
    """Matches replaced: all of them, or the first."""

    pattern: Pattern
    replaced: Callable[[Any], str]
    everywhere: bool = True

    @override
    def expand(self, word: Word) -> list[Word]:
        """The word with its matches replaced; it may become empty."""
        word.term = self.pattern.sub(self.replaced, word.term, count=0 if self.everywhere else 1)
        return [word]


@dataclass(frozen=True, slots=True)
class CapturePatterns(TermFilter):
    """What groups of patterns capture, beside the word."""

    patterns: tuple[Pattern, ...]
    preserve_original: bool = True

    @override
    def expand(self, word: Word) -> list[Word]:
        """The word and the captures, by where they begin; the word itself where nothing is captured."""
        spans = {
            (match.start(g), match.end(g))
            for pattern in self.patterns
            for match in pattern.finditer(word.term)
            for g in range(1 if pattern.groups else 0, pattern.groups + 1)
            if match.end(g) > match.start(g)
        }
        terms = [word.term[a:b] for a, b in sorted(spans, key=lambda s: (s[0], s[1]))]
        terms = [t for t in terms if t != word.term]
        if self.preserve_original or not terms:
            terms = [word.term, *terms]
        return [word.copy(t, word.increment if i == 0 else 0) for i, t in enumerate(terms)]
