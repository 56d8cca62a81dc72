"""Decimal digits to numbers, against Python's exact arithmetic."""

import math
import struct
from fractions import Fraction

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.json_columns.conversions import whole_number
from pipeline.json_columns.extract import extract
from pipeline.json_columns.scanner import Scanner
from schemas.mapping import parse_mapping
from schemas.records import ByteColumn

MAPPING = parse_mapping({"properties": {"v": {"type": "double"}, "w": {"type": "long", "ignore_malformed": True}}})
floats = (
    st.integers(0, 2**63 - 1).map(lambda bits: struct.unpack("<d", struct.pack("<q", bits))[0]).filter(math.isfinite)
)


def half_way(value: float) -> str:
    """The exact decimal number half way between a float and the next one."""
    middle = (Fraction(value) + Fraction(math.nextafter(value, math.inf))) / 2
    power = middle.denominator.bit_length() - 1
    return f"{middle.numerator * 5**power}e-{power}"


decimals = st.one_of(
    floats.map(repr),
    st.floats(1e-20, 1e25).map(half_way),
    st.floats(1e-20, 1e25).map(lambda value: half_way(value).replace("e", "1e")),
    st.integers().map(str),
    st.integers(-(2**64), 2**64).map(str),
    st.builds(
        lambda a, b, e: f"{a}.{b}e{e}", st.integers(-(10**22), 10**22), st.integers(0, 10**30), st.integers(-360, 320)
    ),
    st.builds(lambda a, b: f"{a}.{'0' * b}1", st.integers(-(10**19), 10**19), st.integers(0, 30)),
).filter(lambda text: math.isfinite(float(text)))


@settings(max_examples=300)
@given(st.lists(decimals, min_size=1, max_size=20))
@example(
    [
        "1e22",
        "1e23",
        "-0",
        "-0.0",
        "1e-400",
        "1.7976931348623157e308",
        "4.9e-324",
        "2.4703282292062327e-324",
        "2.4703282292062328e-324",
        "9007199254740993",
        "2.2250738585072011e-308",
        "1e0000000000000000000005",
    ]
)
def test_floats_are_correctly_rounded(texts: list[str]) -> None:
    """Every number has the bits that Python gives it."""
    found = extract(Scanner().scan(ByteColumn.of([f'{{"v":[{",".join(texts)}]}}'.encode()])), MAPPING)
    values = found.columns["v"].values
    assert isinstance(values, np.ndarray)
    assert [struct.pack("<d", value) for value in values] == [struct.pack("<d", float(text)) for text in texts]


@settings(max_examples=300)
@given(st.lists(decimals, min_size=1, max_size=20))
@example(
    [
        "9223372036854775807",
        "9223372036854775807.99",
        "-9223372036854775808.5",
        "9223372036854775808",
        "12345678901234567890123e-5",
        "0.1e1",
        "1e18",
        "1e19",
        "0e999",
        "1e-999999999999999999999",
    ]
)
def test_whole_numbers_are_cut_exactly(texts: list[str]) -> None:
    """A long holds the number cut towards zero, or nothing where it does not fit; the slow path agrees."""
    found = extract(Scanner().scan(ByteColumn.of([f'{{"w":[{",".join(texts)}]}}'.encode()])), MAPPING)
    exact = [int(Fraction(text)) if "e-9" not in text else 0 for text in texts]
    fitting = [value for value in exact if -(2**63) <= value < 2**63]
    values = found.columns["w"].values
    assert isinstance(values, np.ndarray)
    assert values.tolist() == fitting
    assert [n for n, _ in map(whole_number, texts) if -(2**63) <= n < 2**63] == fitting
