"""How long requests of a shape take, so that short ones are answered where they arrive.

Handing a request to a thread and its answer back costs as much as a short search, and while something else holds the
interpreter lock each of the two hand-overs waits for it. So what is known to be short runs on the event loop. Nobody knows
how long a request takes before it ran; but requests come from programs, which send the same shape with other words and
numbers. A shape's expected time is the longest of the last ones, fading:

    expected = max(last, expected * FADE)

The first request of a shape, and any of a shape that is expected to take longer than QUICK_SECONDS_MAX, goes to a thread. A connection
that has been the only one to ask for a while has nobody to hold up: its limit is ALONE_SECONDS_MAX. Time is processor time of the thread
that answered, which does not grow because others worked.
"""

import re
from typing import Final

QUICK_SECONDS_MAX: Final = 0.002  # an answer on the event loop holds up all other connections for so long
ALONE_SECONDS_MAX: Final = 0.008
ALONE_AFTER_SECONDS: Final = 0.1
QUICK_BODY_BYTES_MAX: Final = 4_096
FADE: Final = 0.9  # a request of 20 ms sends the next 22 of its shape to threads
SHAPES_MAX: Final = 4_096
_DIGITS: Final = bytes.maketrans(b"123456789", b"000000000")
_STRINGS: Final = re.compile(rb'("(?:[^"\\]|\\.)*"\s*:)|"(?:[^"\\]|\\.)*"')  # names, which stay, and values


def shape_of(url: bytes, body: bytes) -> bytes:
    """What requests have in common that differ in words and digits only; how many digits a number has is part of it."""
    return url.translate(_DIGITS) + b"\n" + _STRINGS.sub(rb"\1", body.translate(_DIGITS))


class Pace:
    """What is expected of each shape. Not locked: two threads that note a time at once lose one of them."""

    def __init__(self) -> None:
        self._expected: dict[bytes, float] = {}

    def is_quick(self, shape: bytes, *, alone: bool = False) -> bool:
        """Whether a request of this shape may hold up the event loop; ``alone``: nobody else asks."""
        expected = self._expected.get(shape)
        return expected is not None and expected <= (ALONE_SECONDS_MAX if alone else QUICK_SECONDS_MAX)

    def note(self, shape: bytes, seconds: float) -> None:
        """A request of this shape took so long."""
        if len(self._expected) >= SHAPES_MAX and shape not in self._expected:
            self._expected.clear()
        self._expected[shape] = max(seconds, self._expected.get(shape, 0.0) * FADE)


class Askers:
    """Which connection asks, and since when no other has. On the event loop only."""

    def __init__(self) -> None:
        self._asker = 0
        self._since = 0.0

    def is_alone(self, asker: int, now: float) -> bool:
        """A connection (any number of its own) asks at a time in seconds: whether it has been the only one for a while."""
        if asker != self._asker:
            self._asker, self._since = asker, now
        return now - self._since >= ALONE_AFTER_SECONDS
