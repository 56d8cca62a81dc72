"""Analyzers of languages: one sentence each, and that their words are well formed."""

import pytest

from pipeline.analysis.languages.analyzers import LANGUAGES
from pipeline.analysis.languages.stop_words import STOP_WORDS
from pipeline.analysis.registry import build_analyzer
from tests.pipeline.analysis.chains import shown, terms


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        (
            "english",
            "The dog's foxes were running into Generous houses",
            ["dog", "fox", "were", "run", "gener", "hous"],
        ),
        ("french", "L'avion et les chevaux d'une ville", ["avion", "cheval", "vill"]),
        ("german", "Die Häuser und der laufende Hund", ["haus", "laufend", "hund"]),
        ("spanish", "Los perros corrían en las casas", ["perr", "corr", "cas"]),
        ("italian", "Dell'amore e delle città italiane", ["amor", "citt", "italian"]),
        ("portuguese", "Os meninos correram para as casas", ["menin", "corr", "cas"]),
        ("dutch", "De kinderen en de fiets", ["kinder", "fiets"]),
        ("swedish", "Flickorna och husen", ["flick", "hus"]),
        ("norwegian", "Jentene og husene", ["jent", "hus"]),
        ("danish", "Pigerne og husene", ["pig", "hus"]),
        ("finnish", "talossa ja taloista", ["talo", "talo"]),
        ("russian", "Собаки и кошки в домах", ["собак", "кошк", "дом"]),
        ("hungarian", "A házak és a kutyák", ["ház", "kutya"]),
        ("romanian", "Casele și copiii", ["cas", "copii"]),
        ("turkish", "İstanbul'da ve evlerde", ["istanbul", "ev"]),
        ("catalan", "L'home i les cases", ["hom", "case"]),
        ("cjk", "The 東京都 ｶﾞ ＡＢＣ", ["東京", "京都", "ガ", "abc"]),
    ],
)
def test_sentences(language: str, text: str, expected: list[str]) -> None:
    """Articles go, endings go."""
    assert terms(build_analyzer(language).analyze(text)) == expected


def test_offsets_and_positions() -> None:
    """Stems have the offsets of their words; stop words leave holes."""
    assert shown(build_analyzer("english").analyze("The foxes of the house")) == "fox[4-9]@1 hous[17-22]@4"


def test_lists() -> None:
    """Stop words are in lower case, and each language has some."""
    for name in (*LANGUAGES, "cjk"):
        assert len(STOP_WORDS[name]) > 30, name
        assert all(word == word.lower() and word.isalpha() for word in STOP_WORDS[name])


def test_built_in_analyzers() -> None:
    """Those without a language."""
    assert terms(build_analyzer("fingerprint").analyze("Yes yes, Gödel said this is a Sentence")) == [
        "a godel is said sentence this yes"
    ]
    assert terms(build_analyzer("pattern").analyze("The foo_bar's 5")) == ["the", "foo_bar", "s", "5"]
    assert terms(build_analyzer("snowball").analyze("The generous dog's")) == ["generous", "dog"]
    assert terms(build_analyzer("simple").analyze("Dog's 2")) == ["dog", "s"]


def test_chinese_needs_a_package() -> None:
    """Words by the dictionary where it is installed; else a message that says what to install."""
    pytest.importorskip("jieba")
    assert "清华大学" in terms(build_analyzer("jieba_search").analyze("我来到北京清华大学"))
