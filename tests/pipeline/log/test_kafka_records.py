"""Delivery reports: all, in order, or the first failure."""

from dataclasses import dataclass

import pytest

from pipeline.log.kafka_records import Delivery
from schemas.errors import SedimentError, unavailable


@dataclass
class Delivered:
    """A delivered message."""

    at: int | None

    def offset(self) -> int | None:
        """Its offset."""
        return self.at


def refused(error: object) -> SedimentError:
    """A refusal that repeats the error."""
    return unavailable("x", str(error))


def test_offsets_come_in_the_order_of_the_records() -> None:
    """With gaps where another producer was in between."""
    delivery = Delivery(3, refused)
    for at in (5, 6, 9):
        assert not delivery.wait(0)
        delivery.report(None, Delivered(at))
    assert delivery.wait(0)
    assert delivery.offsets().tolist() == [5, 6, 9]


def test_the_first_failure_is_the_answer() -> None:
    """Only once all reports are in: nothing is on its way any more."""
    delivery = Delivery(3, refused)
    delivery.report(None, Delivered(5))
    delivery.report("first", Delivered(None))
    assert not delivery.wait(0)
    delivery.report("second", Delivered(None))
    assert delivery.wait(0)
    with pytest.raises(SedimentError, match="first"):
        delivery.offsets()
