"""Synonyms: rules in Solr's format, and what becomes of a text that they match.

A rule says that a sequence of terms may be read as others. ``synonym_graph`` lays every reading as a path of its own between the ends of what
was matched, after Lucene's SynonymGraphFilter; ``synonym`` lays them flat, position upon position (SynonymFilter). The longest match wins,
and what was matched is not looked at again.

      rule  ny, new york, big apple        text  ny

        ┌── new ──●── york ──┐
     ───●─── ny ─────────────●───
        └── big ──●── apple ─┘
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from typing_extensions import override

from pipeline.analysis.words import Stream, StreamFilter, TermFilter, Word
from schemas.errors import illegal_argument

SYNONYM: Final = "SYNONYM"
Terms = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Readings:
    """What a sequence of terms may be read as; ``keep``: as itself as well."""

    outputs: tuple[Terms, ...]
    keep: bool


Rules = Mapping[Terms, Readings]


def parse_rules(lines: Iterable[str], analyze: Callable[[str], Terms], *, expand: bool, lenient: bool) -> Rules:
    """Rules such as ``a, b => c`` and ``a, b, c``; texts become terms by ``analyze``. Raises ``illegal_argument``."""
    outputs: dict[Terms, dict[Terms, None]] = {}
    keep: dict[Terms, bool] = {}
    for line in lines:
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            pairs = _pairs(line, analyze, expand=expand)
        except ValueError as error:
            if lenient:
                continue
            raise illegal_argument(f"failed to build synonyms: Invalid synonym rule [{line}]: {error}") from error
        for given, read, kept in pairs:
            outputs.setdefault(given, {}).setdefault(read)
            keep[given] = keep.get(given, False) or kept
    return {
        given: Readings(tuple(r for r in reads if r != given or not keep[given]), keep[given])
        for given, reads in outputs.items()
    }


def _pairs(line: str, analyze: Callable[[str], Terms], *, expand: bool) -> list[tuple[Terms, Terms, bool]]:
    sides = _split(line, "=>")
    if len(sides) > 2:
        raise ValueError("more than one explicit mapping specified on the same line")
    read = [[_terms(text, analyze) for text in _split(side, ",") if text.strip()] for side in sides]
    if not all(read):
        raise ValueError("it has an empty side")
    if len(read) == 2:
        return [(given, output, False) for given in read[0] for output in read[1]]
    if expand:
        return [(a, b, True) for a in read[0] for b in read[0] if a != b]
    return [(given, read[0][0], False) for given in read[0]]


def _terms(text: str, analyze: Callable[[str], Terms]) -> Terms:
    terms = analyze(text.strip().replace("\\,", ",").replace("\\=", "=").replace("\\\\", "\\"))
    if not terms:
        raise ValueError(f"term: {text.strip()} was completely eliminated by analyzer")
    return terms


def _split(text: str, separator: str) -> list[str]:
    """Where the separator is not escaped by a backslash."""
    parts, start, at = [], 0, 0
    while at < len(text):
        if text[at] == "\\":
            at += 2
        elif text.startswith(separator, at):
            parts.append(text[start:at])
            at = start = at + len(separator)
        else:
            at += 1
    return [*parts, text[start:]]


def graph_of(matched: Sequence[Word], readings: Readings) -> list[Word]:
    """The readings as paths side by side: the first words of all, then the rest of each path."""
    first, last = matched[0], matched[-1]
    paths = [[replace(first, term=t, end=last.end, type=SYNONYM, keyword=False) for t in o] for o in readings.outputs]
    if readings.keep:
        paths.append(list(matched))
    end = 1 + sum(len(path) - 1 for path in paths)
    heads: list[tuple[int, int, Word]] = []
    tails: list[tuple[int, int, Word]] = []
    node = 1
    for path in paths:
        inner = len(path) - 1
        heads.append((0, node if inner else end, path[0]))
        tails += [(node + i, node + i + 1 if i < inner - 1 else end, path[i + 1]) for i in range(inner)]
        node += inner
    found: list[Word] = []
    before = 0
    for begin, to, word in [*heads, *sorted(tails, key=lambda t: t[0])]:
        increment = begin - before if found else first.increment
        found.append(replace(word, increment=increment, length=to - begin))
        before = begin
    return found


def flat_of(matched: Sequence[Word], readings: Readings) -> list[Word]:
    """The readings position upon position, the words themselves first."""
    depth = max([*map(len, readings.outputs), len(matched) if readings.keep else 1])
    first, last = matched[0], matched[-1]
    found: list[Word] = []
    for i in range(depth):
        here = [matched[i]] if readings.keep and i < len(matched) else []
        here += [
            replace(first, term=o[i], end=last.end, type=SYNONYM, keyword=False) for o in readings.outputs if i < len(o)
        ]
        for j, word in enumerate(here):
            inherited = matched[i].increment if i < len(matched) else 1
            found.append(replace(word, increment=0 if j else inherited))
    return found


@dataclass(frozen=True, slots=True)
class TermSynonyms(TermFilter):
    """Rules that match single terms."""

    rules: Rules
    graph: bool

    @override
    def expand(self, word: Word) -> list[Word]:
        """The word's readings."""
        readings = self.rules.get((word.term,))
        if readings is None:
            return [word]
        return graph_of([word], readings) if self.graph else flat_of([word], readings)


@dataclass(frozen=True, slots=True)
class Synonyms(StreamFilter):
    """Rules of which some match several terms in a row; ``longest``: of how many terms, by the first of them."""

    rules: Rules
    graph: bool
    longest: Mapping[str, int]

    @override
    def apply(self, stream: Stream) -> Stream:
        """The text with its synonyms."""
        words, found, at = stream.words, list[Word](), 0
        while at < len(words):
            for size in range(min(self.longest.get(words[at].term, 0), len(words) - at), 0, -1):
                matched = words[at : at + size]
                readings = self.rules.get(tuple(w.term for w in matched))
                if readings is not None:
                    found += graph_of(matched, readings) if self.graph else flat_of(matched, readings)
                    at += size
                    break
            else:
                found.append(words[at])
                at += 1
        return Stream(found, stream.trailing)


def synonyms_of(rules: Rules, *, graph: bool) -> TermSynonyms | Synonyms:
    """The filter that these rules need."""
    longest: dict[str, int] = {}
    for given in rules:
        longest[given[0]] = max(longest.get(given[0], 0), len(given))
    return TermSynonyms(rules, graph) if max(longest.values(), default=1) == 1 else Synonyms(rules, graph, longest)
