"""Dates by format: columns against single values and against the twin; examples of Elasticsearch's formats; printing."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.json_columns.dates import format_date, parse_date, parse_dates, utc_offset
from pipeline.json_columns.twin import DATE_PATTERNS, EPOCHS, _date_by
from schemas.errors import SedimentError
from schemas.records import ByteColumn

FORMATS = [
    *DATE_PATTERNS,
    *EPOCHS,
    "strict_date_optional_time||epoch_millis",
    "yyyy/MM/dd HH:mm:ss||yyyy/MM/dd||epoch_millis",
]
pieces = st.lists(
    st.sampled_from(["2020", "1999", "0001", "-0044", "-", "/", "01", "02", "12", "29", "30", "31", "00", "23", "59", "60", "T", " ", ":",
        ".", ",", "123", "1", "Z", "+02:00", "-0530", "+19:00", "+01", "9999999999999999999"]),
    max_size=14,
).map("".join)  # fmt: skip
moments = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001
written = st.builds(
    lambda moment, form: format_date((moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1), form),
    moments, st.sampled_from([form for form in FORMATS if "||" not in form]),
)  # fmt: skip


@settings(max_examples=300)
@given(st.lists(st.one_of(pieces, written), max_size=8), st.sampled_from(FORMATS))
def test_columns_agree_with_single_values_and_the_twin(texts: list[str], form: str) -> None:
    """Kernel, scalar reader and the twin's regular expressions take the same texts for the same moments."""
    found, bad = parse_dates(ByteColumn.of([text.encode() for text in texts]), form)
    column = [None if wrong else value for value, wrong in zip(found.tolist(), bad.tolist(), strict=True)]
    single: list[int | None] = []
    for text in texts:
        try:
            single.append(parse_date(text, form))
        except SedimentError:
            single.append(None)
    twin = [next((v for one in form.split("||") if (v := _date_by(text, one)) is not None), None) for text in texts]
    assert column == single == twin


def ms(*parts: int) -> int:
    """Milliseconds of a UTC moment."""
    year, month, day, *clock = parts
    hour, minute, second = (*clock, 0, 0, 0)[:3]
    return int(datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("text", "form", "expected"),
    [
        ("2020", "strict_date_optional_time", ms(2020, 1, 1)),
        ("2020-02", "strict_date_optional_time", ms(2020, 2, 1)),
        ("2020-02-03T04", "strict_date_optional_time", ms(2020, 2, 3, 4)),
        ("2020-02-03T04:05:06.789Z", "strict_date_optional_time", ms(2020, 2, 3, 4, 5, 6) + 789),
        ("2020-02-03T04:05:06,7899999+01:00", "strict_date_optional_time", ms(2020, 2, 3, 3, 5, 6) + 789),
        ("2020-02-03T04:05:06+0100", "strict_date_optional_time", ms(2020, 2, 3, 3, 5, 6)),
        ("2020-07-03T04:05:06Europe/Paris", "strict_date_optional_time", ms(2020, 7, 3, 2, 5, 6)),
        ("2020-2-3", "date_optional_time", ms(2020, 2, 3)),
        ("20200203", "basic_date", ms(2020, 2, 3)),
        ("20200203T040506.789Z", "basic_date_time", ms(2020, 2, 3, 4, 5, 6) + 789),
        ("1580702706", "epoch_second", ms(2020, 2, 3, 4, 5, 6)),
        ("-1.5", "epoch_second", -1500),
        ("1580702706789.5", "epoch_millis", ms(2020, 2, 3, 4, 5, 6) + 789),
        ("2020-034", "strict_ordinal_date", ms(2020, 2, 3)),
        ("03/Feb/2020:04:05:06 +0100", "dd/MMM/yyyy:HH:mm:ss Z", ms(2020, 2, 3, 3, 5, 6)),
        ("Mon, 3 February 2020 4:05 PM", "EEE, d MMMM yyyy h:mm a", ms(2020, 2, 3, 16, 5)),
        ("03.02.20", "dd.MM.yy", ms(2020, 2, 3)),
        ("10:30", "HH:mm", ms(1970, 1, 1, 10, 30)),
        ("at 2020 o'clock", "'at' yyyy 'o''clock'", ms(2020, 1, 1)),
    ],
)
def test_formats_of_elasticsearch(text: str, form: str, expected: int) -> None:
    """Named formats, Java patterns, zones and literals read as in Elasticsearch, alone and in a column."""
    assert parse_date(text, form) == expected
    found, bad = parse_dates(ByteColumn.of([text.encode()]), form)
    assert (found[0], bad[0]) == (expected, False)


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("2020-2-3", "strict_date_optional_time"), ("2020-02-30", "strict_date_optional_time"), ("2020-02-03T24:00", "strict_date_optional_time"),
        ("2020-02-03T04:05:06.", "strict_date_optional_time"), ("2020-02-03 04:05", "strict_date_optional_time"), ("", "strict_date_optional_time"),
        ("2020-02-03T04:05:06Nowhere/None", "strict_date_optional_time"), ("1e3", "epoch_millis"), ("13:00 PM", "h:mm a"), ("2020-02-03x",
            "yyyy-MM-dd"),
    ],
)  # fmt: skip
def test_what_is_no_date_is_refused(text: str, form: str) -> None:
    """Fields out of range, rests and wrong widths are errors; a column marks them."""
    with pytest.raises(SedimentError, match="failed to parse date field"):
        parse_date(text, form)
    assert parse_dates(ByteColumn.of([text.encode()]), form)[1].tolist() == [True]


def test_rounding_up_fills_what_is_open_with_the_last() -> None:
    """The upper end of a range written as a day is its last millisecond."""
    assert parse_date("2020-02", "strict_date_optional_time", round_up=True) == ms(2020, 3, 1) - 1
    assert parse_date("2020-02-03", "yyyy-MM-dd", round_up=True) == ms(2020, 2, 4) - 1
    assert parse_date("2020-02-03T04:05", "strict_date_optional_time", round_up=True) == ms(2020, 2, 3, 4, 6) - 1
    assert parse_date("5", "epoch_millis", round_up=True) == 5


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("strict_date_optional_time", "2020-01-02T03:04:05.678Z"),
        ("strict_date_optional_time||epoch_millis", "2020-01-02T03:04:05.678Z"),
        ("epoch_millis", "1577934245678"),
        ("epoch_second", "1577934245.678"),
        ("yyyy/MM/dd HH:mm:ss", "2020/01/02 03:04:05"),
        ("basic_date_time", "20200102T030405.678Z"),
        ("date_hour_minute", "2020-01-02T03:04"),
        ("EEEE d MMM yy h:mm a", "Thursday 2 Jan 20 3:04 AM"),
        ("uuuu-DDD", "2020-002"),
    ],
)
def test_dates_are_printed_in_the_first_alternative(form: str, expected: str) -> None:
    """The one moment in several formats."""
    assert format_date(1577934245678, form) == expected


@given(st.integers(-(10**14), 10**14))
def test_printing_and_reading_are_inverse(moment: int) -> None:
    """A date of the years that have four digits survives a round trip."""
    if ms(1, 1, 1) <= moment < ms(9999, 12, 31):
        assert parse_date(format_date(moment, "strict_date_optional_time"), "strict_date_optional_time") == moment


def test_formats_that_are_none_are_refused() -> None:
    """An unknown letter, an open quote or bracket is an error that names the format."""
    for form in ("yyyy-bb", "yyyy'T", "yyyy]", "", "yyyy||", "jjjj", "basic_week_date"):
        with pytest.raises(SedimentError, match="Invalid format"):
            parse_date("2020", form)


def test_time_zones_of_requests() -> None:
    """Offsets and ids are zones; anything else is refused."""
    moment = datetime(2020, 7, 1)  # noqa: DTZ001
    assert str(utc_offset("+01:30").utcoffset(moment)) == "1:30:00"
    assert str(utc_offset("Europe/Paris").utcoffset(moment)) == "2:00:00"
    with pytest.raises(SedimentError):
        utc_offset("Mars/Base")
