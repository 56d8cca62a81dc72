"""Character filters: what is done to a text before it is cut, with the way back to its own offsets.

A filter replaces spans of the text. What lies between two replacements is shifted by a constant; so the way back is a list of
(offset in the result, shift from there on), as in Lucene's BaseCharFilter: an offset inside a replacement that is longer than what it
replaces leads to the end of that, one in a shorter replacement to the same distance from its beginning.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html.entities import name2codepoint
from typing import Any, Final, Protocol

from schemas.errors import illegal_argument

Edit = tuple[int, int, str]  # characters [start, end) of the text, and what stands there instead


@dataclass(frozen=True, slots=True)
class Filtered:
    """A text after a filter; ``offsets`` ascend, ``shifts[i]`` is added to the offsets from ``offsets[i]`` on."""

    text: str
    offsets: Sequence[int] = ()
    shifts: Sequence[int] = ()

    def origin(self, offset: int) -> int:
        """The offset in the text before the filter."""
        at = bisect_right(self.offsets, offset) - 1
        return offset if at < 0 else offset + self.shifts[at]


class CharFilter(Protocol):
    """What every character filter is."""

    def apply(self, text: str) -> Filtered:
        """The text after this filter."""
        ...


def edited(text: str, edits: Iterable[Edit]) -> Filtered:
    """The text with edits (ascending, apart) carried out."""
    parts: list[str] = []
    offsets: list[int] = []
    shifts: list[int] = []
    at = size = shift = 0
    for start, end, new in edits:
        parts += [text[at:start], new]
        size += start - at
        removed = end - start
        if len(new) < removed:  # offsets behind the replacement skip what was removed
            shift += removed - len(new)
            offsets.append(size + len(new))
            shifts.append(shift)
        else:  # those inside it stay at the end of what was replaced
            for i in range(removed, len(new)):
                shift -= 1
                offsets.append(size + i + (1 if removed == 0 else 0))
                shifts.append(shift)
        size += len(new)
        at = end
    if not parts:
        return Filtered(text)
    parts.append(text[at:])
    return Filtered("".join(parts), offsets, shifts)


# --- mapping ------------------------------------------------------------------------------------------

_RULE: Final = re.compile(r"(.*)\s*=>\s*(.*)\s*\Z", re.DOTALL)
_ESCAPED: Final = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_CONTROLS: Final = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "\\": "\\"}


@dataclass(frozen=True, slots=True)
class Mappings:
    """Texts for texts, the longest first."""

    table: Mapping[str, str]
    pattern: re.Pattern[str]

    def apply(self, text: str) -> Filtered:
        """The text with its keys replaced."""
        return edited(text, ((m.start(), m.end(), self.table[m.group()]) for m in self.pattern.finditer(text)))


def mapping_of(rules: Iterable[str]) -> Mappings:
    r"""Rules such as ``a => b``; white space around both is left out, ``\u0020`` is kept. Raises ``illegal_argument``."""
    table: dict[str, str] = {}
    for rule in rules:
        found = _RULE.match(rule)
        key = "" if found is None else _unescaped(found.group(1).strip())
        if found is None or not key:
            raise illegal_argument(f"Invalid Mapping Rule : [{rule}]")
        if key in table:
            raise illegal_argument(f'match "{key}" was already added')
        table[key] = _unescaped(found.group(2).strip())
    if not table:
        raise illegal_argument("mapping requires either `mappings` or `mappings_path` to be configured")
    longest_first = sorted(table, key=lambda k: (-len(k), k))
    return Mappings(table, re.compile("|".join(map(re.escape, longest_first))))


def _unescaped(text: str) -> str:
    def character(found: re.Match[str]) -> str:
        code = found.group(1)
        return chr(int(code[1:], 16)) if len(code) == 5 else _CONTROLS.get(code, code)

    return _ESCAPED.sub(character, text)


# --- pattern_replace ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ReplacePatterns:
    """Matches of a regular expression replaced."""

    pattern: Any
    replaced: Callable[[Any], str]

    def apply(self, text: str) -> Filtered:
        """The text with its matches replaced."""
        return edited(text, ((m.start(), m.end(), self.replaced(m)) for m in self.pattern.finditer(text)))


# --- html_strip -------------------------------------------------------------------------------------------

_INLINE: Final = frozenset(
    b"a abbr acronym b basefont bdo big cite code dfn em font i img input kbd label q s samp select small span strike strong sub sup "
    b"textarea tt u var".decode().split()
)
_MARKUP: Final = re.compile(
    r"<!--.*?(?:-->|\Z)"
    r"|<!\[CDATA\[(?P<cdata>.*?)(?:\]\]>|\Z)"
    r"|<(?P<raw>script|style)\b(?:[^>\"']|\"[^\"]*\"|'[^']*')*>.*?(?:</(?P=raw)\s*>|\Z)"
    r"|</?(?P<tag>[A-Za-z_:][\w:.-]*)(?:\s(?:[^<>\"']|\"[^\"]*\"|'[^']*')*|/)?>"
    r"|<[!?](?:[^<>\"']|\"[^\"]*\"|'[^']*')*>"
    r"|&(?P<entity>\#[xX][0-9a-fA-F]{1,6};?|\#[0-9]{1,7};?|[A-Za-z][A-Za-z0-9]{1,31};|(?:amp|lt|gt|quot|nbsp|copy|reg)(?![A-Za-z0-9]))",
    re.DOTALL | re.IGNORECASE,
)
_CODE_POINTS: Final = 0x110000


@dataclass(frozen=True, slots=True)
class StripHtml:
    """Leaves out HTML's markup. Elements that end a line become line feeds; those within a line leave nothing; entities are decoded."""

    escaped: frozenset[str] = frozenset()

    def apply(self, text: str) -> Filtered:
        """The text of the page."""
        return edited(text, self._edits(text)) if "<" in text or "&" in text else Filtered(text)

    def _edits(self, text: str) -> Iterator[Edit]:
        for found in _MARKUP.finditer(text):
            start, end = found.span()
            if found["cdata"] is not None:
                first, last = found.span("cdata")
                yield start, first, ""
                yield last, end, ""
            elif found["raw"] is not None:
                yield start, end, "\n"
            elif found["tag"] is not None:
                tag = found["tag"].lower()
                if tag not in self.escaped:
                    yield start, end, "" if tag in _INLINE else "\n"
            elif found["entity"] is not None:
                decoded = _entity(found["entity"])
                if decoded is not None:
                    yield start, end, decoded
            else:
                yield start, end, ""


def _entity(name: str) -> str | None:
    name = name.rstrip(";")
    if name.startswith("#"):
        code = int(f"0{name[1:]}", 0) if name[1] in "xX" else int(name[1:])
        return chr(code) if code < _CODE_POINTS and not 0xD800 <= code < 0xE000 else "\ufffd"
    if name == "apos":
        return "'"
    if name == "nbsp":
        return " "
    known = name2codepoint.get(name) or name2codepoint.get(name.lower() if name.isupper() else name)
    return None if known is None else chr(known)
