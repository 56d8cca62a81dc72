"""Texts for every rule of UAX #29's word boundaries, each cut by "÷" where the annex has a boundary.

Tokens are the pieces with a letter, digit, katakana or ideograph in them, and pairs of regional indicators. Where the standard
tokenizer is meant to cut otherwise, as Lucene's does, the tokens are given.
"""

from dataclasses import dataclass
from typing import Final

ACUTE, SOFT_HYPHEN, JOINER, SELECTOR, KEYCAP = "\u0301", "\u00ad", "\u200d", "\ufe0f", "\u20e3"


@dataclass(frozen=True, slots=True)
class Case:
    """``cut``: the text with "÷" at each boundary inside it; ``tokens``: None where they follow from that."""

    rule: str
    cut: str
    tokens: tuple[str, ...] | None = None

    @property
    def pieces(self) -> list[str]:
        """The text between boundaries."""
        return self.cut.split("÷")

    @property
    def text(self) -> str:
        """The text itself."""
        return self.cut.replace("÷", "")


def _cases(rule: str, *cuts: str) -> list[Case]:
    return [Case(rule, cut) for cut in cuts]


CASES: Final = [
    *_cases("WB3", "a÷\r\n÷b", "\r÷\r\n÷\n"),
    *_cases("WB3a", "a÷\n÷b", f"a÷\n÷{ACUTE}÷b", f"\r÷{SOFT_HYPHEN}÷1", f"\x85÷{JOINER}÷カ", "\u2028÷a", "\v÷.÷a", "\f÷_"),
    *_cases("WB3b", "a÷\r", "1÷\x0b", "a_÷\u2029", "カ÷\n", "א'÷\n", "a÷.÷\n÷b"),
    Case("WB3c", f"a{JOINER}☺", (f"a{JOINER}", "☺")),
    Case("WB3c", f" {JOINER}☺", (f"{JOINER}☺",)),
    *_cases("WB3c", f"👩{JOINER}👩", f"👩{SELECTOR}{JOINER}❤", f"a{JOINER}b", f"a÷ {JOINER}÷b", f"👩{JOINER}÷a"),
    *_cases("WB3d", "a÷  ÷b", "a÷ \u3000\u2003÷b", f"a÷ {ACUTE}÷ ÷b", "a÷\u00a0÷\u00a0÷b", "a÷\t÷\t÷b"),
    # combining marks, soft hyphens and joiners belong to what is before them, whatever it is
    *_cases("WB4", f"a{ACUTE}", f"a{ACUTE}{SOFT_HYPHEN}{JOINER}b", f" {ACUTE}÷a", f"{ACUTE}÷a", f"{SOFT_HYPHEN}{JOINER}÷1"),
    *_cases("WB4", f"e{ACUTE}te{ACUTE}", f"1{ACUTE}2", f"カ{ACUTE}カ", f"_{ACUTE}a", f"漢{ACUTE}÷字{JOINER}÷か{ACUTE}"),
    *_cases("WB4", f"a{ACUTE}.{ACUTE}b", f"1{SOFT_HYPHEN},{SOFT_HYPHEN}2", f"א{ACUTE}'", f'א"{ACUTE}ב', f"a÷ {SOFT_HYPHEN}÷ "),
    *_cases("WB4", "x\u200ey", "x\u2060y", "x\ufeffy", "a\U000e0061b", "a\u034fb", "न\u094dद\u0940", "مُحَمَّد", "שָׁלוֹם"),
    *_cases("WB5", "word", "Straße", "אבג", "abאבcd", "слово", "λέξη", "كلمة", "한국어", "\u1100\u1161\u11a8", "հայերեն", "𝐀𝑏𝓒"),
    *_cases("WB5", "ªº", "ˁa", "Ⅷ", "ⓐⓩ", "ꜘ", "\u02d7", "ᏣᎳᎩ", "ⵜⴰ", "a\u0559b", "ﬁn", "ꓐꓑ", "a÷-÷b", "a÷/÷b", "a÷+", "a÷@÷b"),
    # one Mid between letters
    *_cases("WB6 WB7", "can't", "can’t", "o‘o", "a.b", "a·b", "l·l", "a․b", "a﹒b", "a．b", "a＇b", "a\u05f4b", "a\u2027b"),
    *_cases("WB6 WB7", "www.example.com", "e.g÷.", "a.b.c.d", "a.b'c’d", "א.ב", "א'ב", "a'א", "a·א·b"),
    *_cases("WB6 WB7", "a÷.", "÷".join(".a"), "a÷.÷.÷b", "a÷.÷'÷b", "a÷.÷ ÷b", "a÷'÷'÷b", "a÷·", "a÷.÷1", "a÷.÷_", "a÷.÷カ", "a÷'÷漢"),
    *_cases("WB6 WB7", "a÷,÷b", "a÷;÷b", "a÷\u037e÷b", "a÷\u066c÷b", 'a÷"÷b', f"a÷.{ACUTE}÷.÷b", "a÷.÷\n÷b", f"a÷'÷{'👍'}"),
    *_cases("WB6 WB7", "a:b", "a：b﹕c︓d", "a÷:÷:÷b", "a÷:÷1", "1÷:÷2÷:÷b"),
    # Hebrew takes a quote after it, and a double quote inside
    *_cases("WB7a", "א'", "ג'÷ ÷ד", "ab'c÷ ÷א'÷.", f"א{ACUTE}'{ACUTE}÷!", "a÷'", "1÷'", "א÷’", "א÷＇"),
    *_cases("WB7b WB7c", 'צה"ל', 'א"ב', 'א÷"', 'א÷"÷"÷ב', 'א÷"÷b', 'a÷"÷ב', 'א÷"÷1', "÷".join('"א"'), f'א{ACUTE}"{ACUTE}ב', "א״ב"),
    # ... and Lucene's grammar ends the pair there: another Mid is not inside
    Case("WB7b WB7c", 'א"ב"ג', ('א"ב', "ג")),
    Case("WB7b WB7c", 'א"ב.ג', ('א"ב', "ג")),
    Case("WB7a", "א'÷1", ("א'1",)),
    Case("WB7a", "א'÷_", ("א'_",)),
    Case("WB7a", "a.א'", ("a.א",)),
    *_cases("WB8", "1234", "١٢٣", "۱۲۳", "१२३", "1١१", "𝟏𝟐", "１２３", "߁߂"),
    *_cases("WB9 WB10", "a1", "1a", "4ever", "a1b2", "א1ב", "1א", "v2", "٣ب"),
    # one MidNum between digits
    *_cases("WB11 WB12", "3.14", "1,000,000", "1;2", "1'000", "1’000", "3.1,4;5", "1٬000", "1\u066c2", "10⁄20"),
    *_cases("WB11 WB12", "1÷.", "÷".join(".1"), "1÷,÷,÷2", "1÷,÷a", "a÷,÷1", "1÷.÷a", "1÷·÷2", "1÷:÷2", "1÷-÷2", '1÷"÷2', "1÷,÷ ÷2", "1÷,÷カ"),
    *_cases("WB11 WB12", "1.5a", "a1.5", "1.2.3", "a.b1,2c.d", "1,2÷,÷_", f"1{ACUTE},{ACUTE}2{ACUTE}", "1﹐2", "1，2", "1；2"),
    *_cases("WB13", "カタカナ", "ﾊﾝｶｸ", "カー", "コーヒー", "カ÷a", "a÷カ", "カ÷1", "1÷カ", "カ÷.÷カ", "カ÷'÷カ", "カ÷漢", "か÷カ", "カ÷か", "㍿÷ｱ"),
    # the underscore and its like join letters, digits and katakana
    *_cases("WB13a WB13b", "a_b", "a__b", "_a_", "1_2", "a_1", "カ_カ", "カ_a", "1_カ", "a‿b", "a＿b", "a\u202fb", "__init__", "a⁀1", "א_ב"),
    *_cases("WB13a WB13b", "_", "___", "a_÷.÷_b", "_÷.÷_", "a_÷ ÷_b", "_÷漢", "漢÷_", "_÷'÷a", "a_÷'÷a", "1_÷,÷2", f"_{ACUTE}_", "🇩🇪÷_a"),
    # regional indicators in pairs from the first
    *_cases("WB15", "🇩🇪", "🇩🇪÷🇫🇷", "🇩🇪÷🇫", "🇩", f"🇩{ACUTE}🇪", f"🇩{JOINER}🇪÷🇫", f"\n÷{ACUTE}÷🇩🇪"),
    *_cases("WB16", "a÷🇩🇪÷b", "a÷🇩🇪÷🇫÷b", "a÷🇩÷b", "a÷🇩÷ ÷🇪", "漢÷🇩🇪÷🇫🇷", f"a{ACUTE}÷🇩🇪", "1÷🇩🇪÷🇫🇷÷🇬"),
    # between any two others
    *_cases("WB999", "漢÷字", "か÷な", "漢÷か÷カナ", "a÷漢", "漢÷1", "!÷?", "$÷1", "€÷5", "a÷&÷b", "#÷a", "a÷#", "漢÷.÷字", "𠀀÷𠀁", "ㄅㄆ", "々"),
    # runs of Thai, Lao, Khmer and Myanmar stay together: the annex leaves them to a dictionary
    Case("WB999", "ไ÷ท÷ย", ("ไทย",)),
    Case("WB999", f"ล÷า÷ว{ACUTE}÷ ÷ລ÷າ÷ວ", (f"ลาว{ACUTE}", "ລາວ")),
    Case("WB999", "a÷ก÷1÷ก÷.÷ก", ("a", "ก", "1", "ก", "ก")),
    # an emoji sequence (UTS #51) is a token
    Case("emoji", "👍÷👎", ("👍", "👎")),
    Case("emoji", "👍🏽÷👍", ("👍🏽", "👍")),
    Case("emoji", f"👨{JOINER}👩{JOINER}👧÷👦", (f"👨{JOINER}👩{JOINER}👧", "👦")),
    Case("emoji", f"🏳{SELECTOR}{JOINER}🌈÷a", (f"🏳{SELECTOR}{JOINER}🌈", "a")),
    Case("emoji", f"👩🏽{JOINER}🚀", (f"👩🏽{JOINER}🚀",)),
    Case("emoji", "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f÷x", None),
    Case("emoji", f"1{SELECTOR}{KEYCAP}", (f"1{SELECTOR}{KEYCAP}",)),
    Case("emoji", f"#{SELECTOR}{KEYCAP}÷*{KEYCAP}", (f"#{SELECTOR}{KEYCAP}", f"*{KEYCAP}")),
    Case("emoji", "#÷*", ()),
    Case("emoji", f"a÷☺{SELECTOR}÷b÷©", ("a", f"☺{SELECTOR}", "b", "©")),
    Case("emoji", "Ⓜ", ("Ⓜ",)),
    Case("emoji", "a🏻b÷ 🏻", ("a🏻b", "🏻")),  # a modifier extends what is before it, whatever that is
    Case("emoji", "★÷★÷♪÷☐÷♡", ("★", "★", "♪", "☐", "♡")),
    # characters that were something else when Lucene's grammar was written
    Case("Unicode 9", "a¸b÷ ÷1˥˩", ("a", "b", "1")),
    Case("Unicode 9", "a՚b÷ ÷a՟b÷ ÷a֊b", ("a", "b", "a", "b", "a", "b")),
    Case("Unicode 9", "\u06dd٣÷ ÷\u0600", ("٣",)),
    Case("Unicode 9", "1÷︐÷2", ("1︐2",)),
    # whole texts
    *_cases("text", "The÷ ÷quick÷ ÷(÷“÷brown÷”÷)÷ ÷fox÷ ÷can’t÷ ÷jump÷ ÷32.3÷ ÷feet÷,÷ ÷right÷?"),
    *_cases("text", "foo_bar÷ ÷readme.md÷ ÷don't÷ ÷3.14÷ ÷1,000÷ ÷C÷+÷+÷ ÷x÷=÷1", "user÷@÷mail.example.com", "100÷%", "a÷→÷b"),
    *_cases("text", "東÷京÷は÷トーキョー÷で÷す÷。", "naïve÷ ÷café", "d'été÷,÷ ÷l’eau", "ΟΔΟΣ÷ ÷ÇA", "3a÷-÷4b_5", "2026-11-23".replace("-", "÷-÷")),
]  # fmt: skip
