"""The standard tokenizer against Unicode's word boundaries (UAX #29): a table of cases, the rules, and another library.

Where it cuts otherwise on purpose, as Lucene's StandardTokenizer does:

- runs of Thai, Lao, Khmer and Myanmar are one token, and so is an emoji sequence (here left out of random texts);
- a token has at most 255 UTF-16 code units (texts here are shorter; ``test_standard_kernels`` has long ones);
- characters that were something else in Unicode 9 are what they were (left out of random texts, too);
- after a Hebrew letter with its quote, or a pair with a double quote, no other Mid is inside a token, and digits and underscores
  follow without a boundary.

The regex library itself differs from the annex at three places, which texts for it avoid: marks at the start of a text, a regional
indicator that has no second or has marks, and marks beside a Mid.
"""

import itertools

import pytest
import regex  # type: ignore[import-untyped]
from hypothesis import assume, given
from hypothesis import strategies as st

from pipeline.analysis.characters_build import EMOJI_11, FORMATS, NO_LETTERS
from pipeline.analysis.registry import build_analyzer
from tests.pipeline.analysis.twin import standard_tokens
from tests.pipeline.analysis.word_break_cases import CASES, Case
from tests.pipeline.analysis.word_breaks import LETTERS, segments

_OWN_GRAMMAR = (
    rf"\p{{LB=SA}}\p{{Extended_Pictographic}}\p{{Emoji_Modifier}}#*\u20E3{''.join(EMOJI_11.split())}{NO_LETTERS}{FORMATS}"
    r"\u19DA\uFE10\uFE14"
)
_EXTENDS = r"[\p{WB=Extend}\p{WB=Format}\p{WB=ZWJ}]"
IDEOGRAPH = r"[[\p{Script=Han}\p{Script=Hiragana}]--\p{WB=Extend}]"
CLASSES = [*(rf"\p{{WB={name}}}" for name in LETTERS), IDEOGRAPH, r"\p{WB=Other}"]
FEW = (3, 30)  # of each class: its first characters, and some from all over it
_ALL = "".join(chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000)
_WORD = rf"\p{{WB=ALetter}}\p{{WB=Hebrew_Letter}}\p{{WB=Numeric}}\p{{WB=Katakana}}{IDEOGRAPH}"
TOKEN = regex.compile(rf"[{_WORD}]|(?:\p{{WB=Regional_Indicator}}{_EXTENDS}*){{2}}", flags=regex.V1)
EMOJI_TOKEN = regex.compile(rf"{TOKEN.pattern}|\p{{Extended_Pictographic}}", flags=regex.V1)
HEBREW_QUOTE = regex.compile(
    rf"\p{{WB=Hebrew_Letter}}{_EXTENDS}*(?:'{_EXTENDS}*[\p{{WB=Numeric}}\p{{WB=ExtendNumLet}}]|['\"])", flags=regex.V1
)


def _members(pattern: str) -> list[str]:
    found = regex.findall(f"[{pattern}--[{_OWN_GRAMMAR}]]", _ALL, flags=regex.V1)
    first, spread = FEW
    return found[:first] + found[first :: max(1, len(found) // spread)]


MEMBERS = [_members(pattern) for pattern in CLASSES]
texts = st.lists(st.sampled_from([m for m in MEMBERS if m]).flatmap(st.sampled_from), max_size=12).map("".join)


def tokens(text: str) -> list[str]:
    """What the tokenizer cuts out."""
    units = text.encode("utf-16-le")
    found = build_analyzer().analyze(text)
    return [units[2 * t.start_offset : 2 * t.end_offset].decode("utf-16-le") for t in found]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.rule}: {case.cut!a}")
def test_the_table(case: Case) -> None:
    """Each text has the boundaries that the table says, by the rules; and those tokens, by the tokenizer."""
    assert segments(case.text) == case.pieces
    expected = (
        [piece for piece in case.pieces if EMOJI_TOKEN.search(piece)] if case.tokens is None else list(case.tokens)
    )
    assert tokens(case.text) == expected


def test_the_table_has_every_rule() -> None:
    """No rule is without a case, none without one that joins and one that cuts."""
    rules = "3 3a 3b 3c 3d 4 5 6 7 7a 7b 7c 8 9 10 11 12 13 13a 13b 15 16 999"
    assert {rule for case in CASES for rule in case.rule.split() if rule.startswith("WB")} == {
        f"WB{r}" for r in rules.split()
    }


@pytest.mark.parametrize("between", ["", "\u0301", "\u00ad\u200d"])
def test_classes_beside_each_other(between: str) -> None:
    """A character of every class beside and between any two others, with and without marks that extend the one before."""
    firsts = [members[0] for members in MEMBERS]
    for first in firsts:
        some = [between.join((first, *more)) for more in itertools.product(firsts, repeat=2)]
        text = "\n".join(one for one in some if not HEBREW_QUOTE.search(one))
        assert tokens(text) == [piece for piece in segments(text) if TOKEN.search(piece)]


@given(texts)
def test_random_texts_by_the_rules(text: str) -> None:
    """Tokens are the pieces between boundaries that hold a letter, digit, katakana or ideograph, or are a flag."""
    assume(not HEBREW_QUOTE.search(text))
    assert tokens(text) == [piece for piece in segments(text) if TOKEN.search(piece)]


_MID = r"[\p{WB=MidLetter}\p{WB=MidNum}\p{WB=MidNumLet}'\"]"
AVOIDED = regex.compile(
    rf"\p{{WB=Regional_Indicator}}{_EXTENDS}|{_EXTENDS}{_MID}|{_MID}{_EXTENDS}|{HEBREW_QUOTE.pattern}", flags=regex.V1
)
paired = texts.map(lambda text: regex.sub(r"(\p{WB=Regional_Indicator})", r"\1\1", text))


@given(paired)
def test_random_texts_by_the_regex_library(text: str) -> None:
    """The same, with the boundaries that the regex library finds."""
    assume(not AVOIDED.search(text))
    pieces = regex.split(r"\b", "\n" + text, flags=regex.V1 | regex.WORD)
    assert tokens(text) == [piece for piece in pieces if TOKEN.search(piece)]


@given(st.text(max_size=40))
def test_no_token_reaches_over_a_boundary_but_where_it_is_meant_to(text: str) -> None:
    """Any text: a token ends at a boundary, unless it or what follows is of a grammar of its own."""
    edges = set(itertools.accumulate(map(len, segments(text)), initial=0))
    own = regex.compile(f"[{_OWN_GRAMMAR}]", flags=regex.V1)
    assume(not HEBREW_QUOTE.search(text) and not own.search(text))
    assert all({start, end} <= edges for start, end in standard_tokens(text))
