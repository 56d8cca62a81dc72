"""The grammar against the same grammar in regular expressions, and against answers of OpenSearch."""

import json
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.analysis.registry import build_analyzer
from tests.pipeline.analysis.twin import lower, standard_tokens

CASES = {
    "foo_bar readme.md don't 3.14 1,000": ["foo_bar", "readme.md", "don't", "3.14", "1,000"],
    "__ _a a_ a__b _1_ ___": ["_a", "a_", "a__b", "_1_"],
    "a.1 1.a a..b a.b. 1,2,3, 1;2 a;b a:b 1:2": [
        "a", "1", "1", "a", "a", "b", "a.b", "1,2,3", "1;2", "a", "b", "a:b", "1", "2",
    ],
    "漢字かなカタカナー ﾊﾝｶｸ": ["漢", "字", "か", "な", "カタカナー", "ﾊﾝｶｸ"],
    "カタaカ カ_a": ["カタ", "a", "カ", "カ_a"],
    "한국어 ภาษาไทย ພາສາ": ["한국어", "ภาษาไทย", "ພາສາ"],
    "１２３ ＡＢＣ": ["１２３", "ａｂｃ"],
    "👍 👍🏻 👨‍👩‍👧‍👦 🇩🇪🇫🇷🇩 ☺️ ©": ["👍", "👍🏻", "👨‍👩‍👧‍👦", "🇩🇪", "🇫🇷", "☺️", "©"],
    "#️⃣ 1️⃣ # * a#b": ["#️⃣", "1️⃣", "a", "b"],
    'צה"ל ג\' א\'ב "א"': ['צה"ל', "ג'", "א'ב", "א"],
    "ÉCOLE İstanbul K ΣΑΣ": ["école", "istanbul", "k", "σασ"],
    "e\u0301te\u0301 a\u00adb x\u200dy": ["e\u0301te\u0301", "a\u00adb", "x\u200dy"],
    "o’neil’s ‘q’ a·b": ["o’neil’s", "q", "a·b"],
}  # fmt: skip
_TRICKY = (
    "aZé1٣_＿.,:;'’\"·#*- \n漢々かカーก\u0e31א\u0301\u00ad\u200d\ufe0e\ufe0f\u20e3"
    "👍🏻👨☺★©ℹ™🇩🇪\U000e0020\U000e0067\U000e007f１한İKȺ"
)
texts = st.text(st.sampled_from(_TRICKY), max_size=24) | st.text(max_size=24)


@pytest.mark.parametrize("text", CASES)
def test_cases(text: str) -> None:
    """Texts whose tokens are known."""
    assert [t.term for t in build_analyzer().analyze(text)] == CASES[text]


@given(texts)
@example("א.א'ב")
@example('א"א.ב א"א"א')
@example("👨\ufe0f\u200d👨\u200d\u200d👨\ufe0f\u200d\ufe0f")
@example("\u200d🏻 👨\ufe0f\u200d🏻 👨\ufe0f\u200d\u200d🏻 👨\u200d\u200d🏻")
@example("☺\U000e0067\U000e007f☺\ufe0f\U000e0067\U000e007f☺\ufe0f\U000e0067x")
@example("#\u20e3\ufe0f\u20e3\u0301 *\u0301\ufe0f\u20e3 #\ufe0f\ufe0f\u20e3")
def test_it_is_the_grammar(text: str) -> None:
    """Bounds and terms are those of the regular expressions."""
    tokens = build_analyzer().analyze(text)
    units = [0]
    for c in text:
        units.append(units[-1] + (2 if ord(c) > 0xFFFF else 1))
    expected = standard_tokens(text)
    assert [(t.start_offset, t.end_offset) for t in tokens] == [(units[a], units[b]) for a, b in expected]
    assert [t.term for t in tokens] == [lower(text[a:b]) for a, b in expected]


@given(
    st.lists(
        st.sampled_from(["a" * 250, "👍", "é", ".", "b" * 253, "𝐀", "_", " ", "漢", "\u0301" * 60, "1"]), max_size=8
    )
)
def test_long_tokens_are_cut(parts: list[str]) -> None:
    """A token has at most 255 UTF-16 code units; what follows is matched anew, and no character is split."""
    text = "".join(parts)
    assert [t.term for t in build_analyzer().analyze(text)] == [lower(text[a:b]) for a, b in standard_tokens(text)]


def test_golden_samples(shared_data: Path) -> None:
    """The tokens that OpenSearch 2.19 answered."""
    golden = json.loads((shared_data / "golden" / "opensearch_commits.json").read_text())
    for sample in golden["analyze"]:
        assert [t.term for t in build_analyzer().analyze(sample["text"])] == sample["tokens"]
