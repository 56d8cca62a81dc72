"""Columns of dates as texts, against single dates."""

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.json_columns.date_texts import format_dates
from pipeline.json_columns.dates import format_date

FORMS = (
    "strict_date_optional_time||epoch_millis", "epoch_millis", "epoch_second", "yyyy-MM-dd", "yyyy/MM/dd'ü'HH:mm:ss", "basic_date_time",
    "uuuu-DDD", "yy.M.d H:m", "EEEE d MMM yy h:mm a", "HH:mm:ss.SSSSSSX", "yyyy-MM-dd'T'HH:mm:ssXX", "hh 'o''clock'",
)  # fmt: skip
MOMENTS = st.integers(-(10**14), 10**14) | st.integers(-(10**6), 10**6) | st.integers(10**12, 2 * 10**12)
OFFSETS = st.sampled_from([0, 3_600_000, -1_800_000, 20_700_000])


@given(st.lists(st.tuples(MOMENTS, OFFSETS), max_size=8), st.sampled_from(FORMS))
def test_columns_are_written_as_single_dates_are(rows: list[tuple[int, int]], form: str) -> None:
    """Any dates in any zones in any format; without zones, all are in UTC."""
    moments = np.array([ms for ms, _ in rows], np.int64)
    offsets = np.array([offset for _, offset in rows], np.int64)
    assert format_dates(moments, form, offsets) == [format_date(ms, form, offset) for ms, offset in rows]
    assert format_dates(moments, form) == [format_date(ms, form) for ms, _ in rows]


@given(st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)), OFFSETS)  # noqa: DTZ001  naive, as the strategy wants
def test_dates_are_those_of_the_standard_library(moment: datetime, offset: int) -> None:
    """The full form in a zone is what ``isoformat`` gives."""
    moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000, tzinfo=UTC)
    ms = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    wanted = moment.astimezone(timezone(timedelta(milliseconds=offset))).isoformat(timespec="milliseconds")
    (found,) = format_dates(np.array([ms]), "strict_date_optional_time", np.array([offset]))
    assert found == wanted.replace("+00:00", "Z")


@pytest.mark.parametrize(
    ("ms", "text"), [(1500, "1.5"), (1000, "1"), (-1, "-0.001"), (-1500, "-1.5"), (1522272605500, "1522272605.5")]
)
def test_epoch_seconds_show_what_is_left(ms: int, text: str) -> None:
    """Seconds with as many digits of a fraction as there are."""
    assert format_dates(np.array([ms]), "epoch_second") == [text]
