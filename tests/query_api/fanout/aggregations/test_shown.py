"""Keys and values of aggregations as Elasticsearch writes them."""

from typing import Any

import numpy as np
import pytest

from pipeline.search.aggregations.names import Names
from pipeline.search.aggregations.partials import Keys, Shown
from query_api.fanout.aggregations.shown import date_text, decimal_format, java_double, keys_shown


@pytest.mark.parametrize(
    ("value", "text"),
    [(50.0, "50.0"), (0.0, "0.0"), (-1.5, "-1.5"), (1e7, "1.0E7"), (9999999.0, "9999999.0"), (1.25e-4, "1.25E-4")],
)
def test_java_double(value: float, text: str) -> None:
    """Numbers in keys of ranges are what Double.toString gives."""
    assert java_double(value) == text


@pytest.mark.parametrize(
    ("value", "pattern", "text"),
    [
        (1234.5, "0.00", "1234.50"),
        (1234567.891, "#,##0.##", "1,234,567.89"),
        (0.5, "#.#", ".5"),
        (3.0, "0.##", "3"),
        (0.256, "0.0%", "25.6%"),
        (-2.0, "$0", "-$2"),
        (7.0, "000", "007"),
    ],
)
def test_decimal_format(value: float, pattern: str, text: str) -> None:
    """Patterns of Java's DecimalFormat."""
    assert decimal_format(value, pattern) == text


@pytest.mark.parametrize(
    ("form", "zone", "text"),
    [
        ("", "", "2016-01-01T00:00:00.000Z"),
        ("strict_date_optional_time||epoch_millis", "America/Phoenix", "2015-12-31T17:00:00.000-07:00"),
        ("", "-00:30", "2015-12-31T23:30:00.000-00:30"),
        ("yyyy-MM-dd", "Asia/Tokyo", "2016-01-01"),
        ("epoch_second", "Asia/Tokyo", "1451606400"),
    ],
)
def test_date_text(form: str, zone: str, text: str) -> None:
    """Dates are shown in the aggregation's zone, with its offset."""
    assert date_text(1451606400000, Shown("date", form, zone)) == text


def test_keys_are_shown_by_type() -> None:
    """Addresses as text, booleans as numbers beside words; some of a column, in any order."""

    def first(keys: Keys, shown: Shown) -> dict[str, Any]:
        (bucket,) = keys_shown(keys, np.zeros(1, np.int64), shown, np.array([3]))
        assert bucket.pop("doc_count") == 3
        return bucket

    assert first(Names.of([bytes(10) + b"\xff\xff\x0a\0\0\1"]), Shown("ip")) == {"key": "10.0.0.1"}
    assert first(np.array([1]), Shown("boolean")) == {"key": 1, "key_as_string": "true"}
    assert first(np.array([2]), Shown("double")) == {"key": 2.0}
    assert first(np.array([0]), Shown("date", "yyyy")) == {"key": 0, "key_as_string": "1970"}
    two = keys_shown(Names.of(["ü".encode(), b"b"]), np.array([1, 0]), Shown("keyword"), np.array([1, 2]))
    assert two == [{"key": "b", "doc_count": 1}, {"key": "ü", "doc_count": 2}]
