"""Watching topic ids: fresh enough, and asked once for all."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from pipeline.log.kafka_topics import TopicWatch
from schemas.ids import TopicName

A, B = TopicName("a"), TopicName("b")


class Asked:
    """Answers, counts, and a clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 100.0
        self.questions: list[list[TopicName]] = []
        self.ids: dict[TopicName, str] = {A: "1"}

    def ask(self, names: Sequence[TopicName]) -> dict[TopicName, str | None]:
        """The ids, None where there is none."""
        self.questions.append(list(names))
        return {name: self.ids.get(name) for name in names}


def test_an_answer_serves_until_it_is_too_old() -> None:
    """Age 0 asks always; an older answer serves who does not mind."""
    asked = Asked()
    watch = TopicWatch(asked.ask, lambda: asked.now)
    assert watch.topic_id(A, 1.0) == "1"
    asked.ids[A] = "2"
    asked.now += 0.5
    assert watch.topic_id(A, 1.0) == "1"
    assert watch.topic_id(A, 0.1) == "2"
    asked.now += 1.5
    del asked.ids[A]
    assert watch.topic_id(A, 1.0) is None
    assert len(asked.questions) == 3


def test_one_question_is_for_all_watched_topics() -> None:
    """Two readers of different topics do not ask twice; a topic that nobody reads is not asked for."""
    asked = Asked()
    watch = TopicWatch(asked.ask, lambda: asked.now)
    for topic in (A, B, B):
        watch.add(topic)
    assert watch.topic_id(A, 1.0) == "1"
    assert watch.topic_id(B, 1.0) is None
    watch.remove(B)
    watch.remove(B)
    asked.now += 10
    watch.topic_id(A, 1.0)
    assert asked.questions == [[A, B], [A]]


def test_readers_that_wait_share_an_answer() -> None:
    """While one question is on its way, others wait for it instead of asking."""
    asked = Asked()
    under_way = threading.Event()

    def slow(names: Sequence[TopicName]) -> dict[TopicName, str | None]:
        under_way.wait(0.2)
        return asked.ask(names)

    watch = TopicWatch(slow, lambda: asked.now)
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda _: watch.topic_id(A, 0.1), range(8))) == ["1"] * 8
    assert len(asked.questions) == 1
