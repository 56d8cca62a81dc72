"""Which topic it is that is being read: asked often enough, but once for all readers.

Kafka's client follows a topic by name. When a topic is deleted and created again, it goes on in the new one at the old
offset and says nothing. So records are handed on only when the topic's id was confirmed by a question that began not
much before they were taken. Readers that wait for the same answer share one question.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from threading import Lock
from typing import NamedTuple

from schemas.ids import TopicName


class Confirmed(NamedTuple):
    """A topic's id (None: there is no such topic) as of a question that began then."""

    asked_at: float
    topic_id: str | None


class TopicWatch:
    """The ids of the topics that are being read."""

    def __init__(
        self,
        ask: Callable[[Sequence[TopicName]], Mapping[TopicName, str | None]],
        clock: Callable[[], float],
    ) -> None:
        self._ask = ask
        self._clock = clock
        self._asking = Lock()
        self._watched: Counter[TopicName] = Counter()
        self._confirmed: dict[TopicName, Confirmed] = {}

    def add(self, topic: TopicName) -> None:
        """One more reader of this topic."""
        with self._asking:
            self._watched[topic] += 1

    def remove(self, topic: TopicName) -> None:
        """One reader less."""
        with self._asking:
            self._watched[topic] -= 1
            if not self._watched[topic]:
                del self._watched[topic]
                self._confirmed.pop(topic, None)

    def topic_id(self, topic: TopicName, age_s_max: float) -> str | None:
        """The id now, or as it was at most this long ago."""
        not_before = self._clock() - age_s_max
        with self._asking:
            known = self._confirmed.get(topic)
            if known is None or known.asked_at < not_before:
                asked_at = self._clock()
                for name, found in self._ask(sorted({topic, *self._watched})).items():
                    self._confirmed[name] = Confirmed(asked_at, found)
                known = self._confirmed[topic]
            return known.topic_id
