r"""Lucene's regular expressions, read: ``. ? + * | {} [] () "" \`` and, where flags allow, ``~ & @ # <1-9>``.

    union    := inter ("|" inter)*                  inter  := sequence ("&" sequence)*
    sequence := repeat+                             repeat := complement ("?" | "*" | "+" | "{n}" | "{n,}" | "{n,m}")*
    complement := "~" complement | "[" class "]" | "." | "#" | "@" | '"' text '"' | "(" union? ")" | "<n-m>" | character

An expression fits whole terms: there are no anchors. The result names characters by ranges of code points.
"""

from dataclasses import dataclass
from typing import Any, Final

from schemas.errors import SedimentError, illegal_argument, invalid

Ranges = tuple[tuple[int, int], ...]
Tree = tuple[
    Any, ...
]  # ("characters", Ranges) | ("sequence" | "any" | "all", trees) | ("not", tree) | ("repeat", tree, least, most)
CODE_POINT_MAX: Final = 0x10FFFF
EVERY: Final[Ranges] = ((0, CODE_POINT_MAX),)
DEPTH_MAX: Final = 60
REPEAT_MAX: Final = 1_000
INTERVAL_MAX: Final = 1_000
FLAGS: Final = {
    "INTERSECTION": "&",
    "COMPLEMENT": "~",
    "EMPTY": "#",
    "ANYSTRING": "@",
    "INTERVAL": "<",
    "NONE": "",
    "AUTOMATON": "",
}
_CLASSES: Final[dict[str, Ranges]] = {
    "d": ((48, 57),),
    "w": ((48, 57), (65, 90), (95, 95), (97, 122)),
    "s": ((9, 10), (13, 13), (32, 32)),
}


def operators_of(flags: str) -> frozenset[str]:
    """The optional operators that ``flags`` (``ALL``, ``NONE``, ``COMPLEMENT|INTERVAL`` …) allow. Raises ``illegal_argument``."""
    allowed: set[str] = set()
    for flag in flags.upper().split("|"):
        if flag in ("", "ALL"):
            allowed |= set("&~#@<")
        elif flag in FLAGS:
            allowed |= set(FLAGS[flag])
        else:
            names = ", ".join(["ALL", *FLAGS])
            raise illegal_argument(f"Unknown regexp flag [{flag}]: use one of [{names}], joined by |")
    return frozenset(allowed)


def inverted(ranges: Ranges) -> Ranges:
    """Every other code point."""
    out, at = [], 0
    for low, high in sorted(ranges):
        if low > at:
            out.append((at, low - 1))
        at = max(at, high + 1)
    if at <= CODE_POINT_MAX:
        out.append((at, CODE_POINT_MAX))
    return tuple(out)


@dataclass(slots=True)
class Reader:
    """Recursive descent over one expression."""

    text: str
    operators: frozenset[str]
    folded: bool
    at: int = 0
    depth: int = 0

    def whole(self) -> Tree:
        """The tree of the whole text. Raises ``query_shard``."""
        if not self.text:
            return ("sequence", ())
        tree = self._union()
        if self.at < len(self.text):
            raise self._failed(f"end-of-string expected at position {self.at}")
        return tree

    def _failed(self, reason: str) -> SedimentError:
        return invalid("query_shard", f"failed to create query: {reason}")

    def _take(self, character: str) -> bool:
        if self.text.startswith(character, self.at):
            self.at += 1
            return True
        return False

    def _next(self) -> str:
        if self.at >= len(self.text):
            raise self._failed("unexpected end-of-string")
        self.at += 1
        return self.text[self.at - 1]

    def _union(self) -> Tree:
        self.depth += 1
        if self.depth > DEPTH_MAX:
            raise self._failed(f"the regular expression nests more than {DEPTH_MAX} groups")
        parts = [self._inter()]
        while self._take("|"):
            parts.append(self._inter())
        self.depth -= 1
        return parts[0] if len(parts) == 1 else ("any", tuple(parts))

    def _inter(self) -> Tree:
        parts = [self._sequence()]
        while "&" in self.operators and self._take("&"):
            parts.append(self._sequence())
        return parts[0] if len(parts) == 1 else ("all", tuple(parts))

    def _sequence(self) -> Tree:
        stops = ")|&" if "&" in self.operators else ")|"
        parts = [self._repeat()]
        while self.at < len(self.text) and self.text[self.at] not in stops:
            parts.append(self._repeat())
        return parts[0] if len(parts) == 1 else ("sequence", tuple(parts))

    def _repeat(self) -> Tree:
        tree = self._complement()
        while self.at < len(self.text) and self.text[self.at] in "?*+{":
            sign = self._next()
            least, most = {"?": (0, 1), "*": (0, -1), "+": (1, -1)}.get(sign) or self._counts()
            tree = ("repeat", tree, least, most)
        return tree

    def _counts(self) -> tuple[int, int]:
        least = self._number()
        most = least
        if self._take(","):
            most = -1 if self.text.startswith("}", self.at) else self._number()
        if not self._take("}"):
            raise self._failed(f"expected '}}' at position {self.at}")
        if max(least, most) > REPEAT_MAX:
            raise self._failed(f"a repetition of more than {REPEAT_MAX} at position {self.at}")
        if 0 <= most < least:
            raise self._failed(f"invalid repetition range(out of order): {least}..{most}")
        return least, most

    def _number(self) -> int:
        begin = self.at
        while self.at < len(self.text) and self.text[self.at] in "0123456789":
            self.at += 1
        if begin == self.at:
            raise self._failed(f"integer expected at position {begin}")
        return int(self.text[begin : min(self.at, begin + 9)])

    def _complement(self) -> Tree:
        count = 0
        while "~" in self.operators and self._take("~"):
            count += 1
        tree = self._class() if self._take("[") else self._simple()
        return ("not", tree) if count % 2 else tree

    def _class(self) -> Tree:
        negated = self._take("^")
        ranges: list[tuple[int, int]] = []
        while True:
            ranges.extend(self._class_part())
            if self.at >= len(self.text):
                raise self._failed(f"expected ']' at position {self.at}")
            if self._take("]"):
                break
        found = self._fold(tuple(ranges))
        return ("characters", inverted(found) if negated else found)

    def _class_part(self) -> Ranges:
        if self.text.startswith("\\", self.at):
            known = self._known_class()
            if known:
                return known
        low = self._character()
        if self.text.startswith("-", self.at) and not self.text.startswith("-]", self.at):
            self.at += 1
            high = self._character()
            if high < low:
                raise self._failed(f"invalid range: from ({low}) cannot be > to ({high})")
            return ((low, high),)
        return ((low, low),)

    def _known_class(self) -> Ranges:
        r"""A class like ``\d``, read; or nothing, and nothing read."""
        letter = self.text[self.at + 1 : self.at + 2]
        if letter.lower() not in _CLASSES:
            return ()
        self.at += 2
        ranges = _CLASSES[letter.lower()]
        return ranges if letter.islower() else inverted(ranges)

    def _character(self) -> int:
        self._take("\\")
        return ord(self._next())

    def _fold(self, ranges: Ranges) -> Ranges:
        """With the other case of ASCII letters, where case does not count."""
        if not self.folded:
            return ranges
        others = [
            (max(low, first) + shift, min(high, first + 25) + shift)
            for low, high in ranges
            for first, shift in ((65, 32), (97, -32))
            if max(low, first) <= min(high, first + 25)
        ]
        return (*ranges, *others)

    def _literal(self, text: str) -> Tree:
        return ("sequence", tuple(("characters", self._fold(((ord(c), ord(c)),))) for c in text))

    def _simple(self) -> Tree:
        if self._take("."):
            return ("characters", EVERY)
        sign = self.text[self.at : self.at + 1]
        if sign in {"#", "@", "<"} and sign in self.operators:
            self.at += 1
            return {"#": self._none, "@": self._every, "<": self._interval}[sign]()
        if self._take('"'):
            return self._quoted()
        if self._take("("):
            return self._group()
        known = self._known_class() if sign == "\\" else ()
        return ("characters", known or self._fold(((one := self._character(), one),)))

    def _none(self) -> Tree:
        return ("any", ())

    def _every(self) -> Tree:
        return ("repeat", ("characters", EVERY), 0, -1)

    def _quoted(self) -> Tree:
        end = self.text.find('"', self.at)
        if end < 0:
            raise self._failed(f"expected '\"' at position {len(self.text)}")
        text, self.at = self.text[self.at : end], end + 1
        return self._literal(text)

    def _group(self) -> Tree:
        if self._take(")"):
            return ("sequence", ())
        tree = self._union()
        if not self._take(")"):
            raise self._failed(f"expected ')' at position {self.at}")
        return tree

    def _interval(self) -> Tree:
        end = self.text.find(">", self.at)
        low, dash, high = self.text[self.at : max(end, self.at)].partition("-")
        if end < 0 or not dash or not (low.isdecimal() and high.isdecimal()) or len(low + high) > 18:
            raise self._failed(f"interval syntax error at position {self.at}")
        self.at = end + 1
        first, last = sorted((int(low), int(high)))
        if last - first > INTERVAL_MAX:
            raise self._failed(f"an interval of more than {INTERVAL_MAX} numbers at position {end}")
        same = len(low) == len(high)
        numbers = tuple(self._literal(str(n).zfill(len(low) if same else 0)) for n in range(first, last + 1))
        zeros: Tree = ("repeat", ("characters", ((48, 48),)), 0, -1)
        return ("any", numbers) if same else ("sequence", (zeros, ("any", numbers)))
