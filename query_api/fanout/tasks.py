"""Work that goes on after its request was answered, or for long: who does what, how far, what came of it."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

FINISHED_KEPT: Final = 100  # tasks whose outcome can still be asked for


@dataclass(slots=True)
class Task:
    """One piece of work. ``status`` is replaced as a whole by whoever works; ``cancelled`` is a wish."""

    number: int
    action: str
    description: str
    started: float
    started_ms: int
    opaque_id: str = ""
    cancellable: bool = False
    cancelled: bool = False
    status: Mapping[str, Any] = field(default_factory=dict)
    ended: float | None = None
    response: Mapping[str, Any] | None = None
    error: Mapping[str, Any] | None = None


class Tasks:
    """All tasks of a process. Thread-safe."""

    def __init__(self, monotonic: Callable[[], float], clock_ms: Callable[[], int]) -> None:
        self._monotonic = monotonic
        self._clock_ms = clock_ms
        self._number = 0
        self._tasks: dict[int, Task] = {}
        self._changed = threading.Condition()

    def make(self, action: str, description: str, *, opaque_id: str = "", cancellable: bool = False) -> Task:
        """A task that nobody else knows of yet."""
        with self._changed:
            self._number += 1
            return Task(self._number, action, description, self._monotonic(), self._clock_ms(), opaque_id, cancellable)

    def begin(self, task: Task) -> None:
        """It is running."""
        with self._changed:
            self._tasks[task.number] = task

    def end(self, task: Task, response: Mapping[str, Any] | None, error: Mapping[str, Any] | None = None) -> None:
        """It is over; its outcome is kept for a while."""
        with self._changed:
            task.response, task.error, task.ended = response, error, self._monotonic()
            over = [n for n, one in self._tasks.items() if one.ended is not None]
            for number in over[: max(0, len(over) - FINISHED_KEPT)]:
                del self._tasks[number]
            self._changed.notify_all()

    def wait(self, task: Task, timeout_s: float) -> bool:
        """Wait until it is over; False if it is not in time."""
        with self._changed:
            return self._changed.wait_for(lambda: task.ended is not None, timeout_s)

    def get(self, number: int) -> Task | None:
        """A task that runs or ended not long ago."""
        return self._tasks.get(number)

    def running(self) -> list[Task]:
        """Those that are not over."""
        with self._changed:
            return [one for one in self._tasks.values() if one.ended is None]
