"""Bytes in flight."""

import pytest

from pipeline.ingest.backpressure import RETRY_AFTER_S, InFlight
from schemas.errors import ErrorKind, SedimentError


def test_more_than_fits_is_refused_until_there_is_room() -> None:
    """The second request is refused with a hint when to come back; nothing leaks, not even when the first one fails."""
    gate = InFlight(100)
    with pytest.raises(ZeroDivisionError), gate.admit(60):
        with pytest.raises(SedimentError) as raised, gate.admit(50):
            pytest.fail("admitted")
        assert raised.value.kind is ErrorKind.OVERLOADED
        assert raised.value.kind.status == 429
        assert raised.value.details["retry_after_s"] == RETRY_AFTER_S
        with gate.admit(40):
            assert gate.bytes == 100
        raise ZeroDivisionError
    assert gate.bytes == 0


def test_a_request_larger_than_the_bound_is_admitted_alone() -> None:
    """Else it could never be written."""
    gate = InFlight(100)
    with gate.admit(500), pytest.raises(SedimentError), gate.admit(1):
        pytest.fail("admitted")
    with gate.admit(1), pytest.raises(SedimentError), gate.admit(500):
        pytest.fail("admitted")


def test_what_is_refused_is_counted() -> None:
    """Once a request, and not what is admitted."""
    refused: list[int] = []
    gate = InFlight(100, lambda: refused.append(1))
    with gate.admit(100):
        assert refused == []
        for _ in range(2):
            with pytest.raises(SedimentError), gate.admit(1):
                pytest.fail("admitted")
    assert refused == [1, 1]
