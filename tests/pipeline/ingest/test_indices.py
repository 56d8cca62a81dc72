"""Creating, changing and deleting indices over a log and a catalog in memory."""

from collections.abc import Iterator
from itertools import count
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.catalog.catalog import Catalog
from pipeline.catalog.commands import CreateIndex
from pipeline.catalog.state import IndexState
from pipeline.ingest.indices import IndexService, IndicesParts, flatten_settings, refresh_ms
from schemas.errors import ErrorKind, SedimentError, unavailable
from schemas.ids import IndexName, PartitionId, TopicName
from schemas.records import AppendBatch, ByteColumn
from tests.pipeline.ingest.partitions import Deciders, FlakyLog, all_records

BOOKS = IndexName("books")


class World:
    """A service with all it needs."""

    def __init__(self) -> None:
        self.log = FlakyLog()
        self.catalog = Catalog(self.log, lambda: 42)
        self.catalog.start()
        self.deciders = Deciders()
        self.served: list[IndexState] = []
        numbers = count(1)
        self.service = IndexService(
            IndicesParts(
                self.log,
                self.catalog,
                self.deciders,
                lambda: 42,
                lambda: f"u{next(numbers)}",
                2,
                "t.",
                self.served.append,
            )
        )

    def refused(
        self, name: str = "books", settings: dict[str, Any] | None = None, mappings: dict[str, Any] | None = None
    ) -> SedimentError:
        """What creating an index is refused with."""
        with pytest.raises(SedimentError) as raised:
            self.service.create(name, settings or {}, mappings or {})
        return raised.value

    def markers(self, partition: int = 0) -> list[int]:
        """The schema versions marked in a partition."""
        return [
            int(h["schema-version"])
            for _, _, h in all_records(self.log, "t.books", partition)
            if h.get("op") == b"mapping"
        ]


@pytest.fixture
def world() -> Iterator[World]:
    """A service."""
    made = World()
    yield made
    made.catalog.close()
    made.log.close()


def test_an_index_is_made_with_its_topic(world: World) -> None:
    """Settings in all spellings, defaults filled in; it is served when create returns."""
    made = world.service.create(
        "books", {"index": {"number_of_shards": 3, "refresh_interval": "1s"}}, {"properties": {"a": {"type": "long"}}}
    )
    assert made.partitions == 3
    assert made.settings == {"number_of_replicas": "0", "number_of_shards": "3", "refresh_interval": "1s"}
    assert made.created_ms == 42
    info = world.log.topic(TopicName("t.books"))
    assert info is not None
    assert info.partitions == 3
    assert world.served == [made] == list(world.service.indices()) == [world.service.index("books")]
    assert world.service.create("other", {}, {}).partitions == 2


def test_an_index_that_exists_is_refused(world: World) -> None:
    """With status 400 and the uuid, as Elasticsearch does."""
    world.service.create("books", {}, {})
    error = world.refused()
    assert error.code == "resource_already_exists"
    assert error.details["status"] == 400
    assert error.details["index_uuid"] == "u1"


def test_an_existing_topic_is_taken_over(world: World) -> None:
    """With its partitions and records; asking for another number of shards is refused."""
    world.log.create_topic(TopicName("t.books"), 5)
    assert "exists with 5 partitions" in world.refused(settings={"number_of_shards": 4}).message
    assert world.service.create("books", {}, {}).partitions == 5


def test_a_topic_that_somebody_made_meanwhile_is_taken_over(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes create one index: whose topic it is makes no difference."""
    world.log.create_topic(TopicName("t.books"), 2)
    known = world.log.topic
    hidden = iter([True])
    monkeypatch.setattr(world.log, "topic", lambda name: None if next(hidden, False) else known(name))
    assert world.service.create("books", {}, {}).partitions == 2


def test_a_refused_mapping_leaves_nothing_behind(world: World) -> None:
    """The topic that was made for it goes; one that was there stays."""
    bad = {"properties": {"a": {"type": "nonsense"}}}
    assert world.refused(mappings=bad).code == "mapper_parsing"
    assert world.log.topic(TopicName("t.books")) is None
    world.log.create_topic(TopicName("t.books"), 1)
    world.refused(mappings=bad)
    assert world.log.topic(TopicName("t.books")) is not None


def test_a_topic_survives_an_unknown_outcome(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proposal that timed out may be in the control log: its topic must stay."""

    def away(command: object, timeout_s: float = 0) -> None:
        raise unavailable("control_log_timeout", "not in time")

    monkeypatch.setattr(world.catalog, "propose", away)
    assert world.refused().kind is ErrorKind.UNAVAILABLE
    assert world.log.topic(TopicName("t.books")) is not None


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"number_of_shards": 0}, "must be >= 1"),
        ({"number_of_shards": "--5"}, "Failed to parse value [--5]"),
        ({"number_of_shards": "²"}, "Failed to parse value"),
        ({"number_of_shards": 9999}, "must be <= 1024"),
        ({"number_of_replicas": -1}, "must be >= 0"),
        ({"nonsense": 1}, "unknown setting [index.nonsense]"),
        ({"index.refresh_interval": "1 parsec"}, "failed to parse setting [index.refresh_interval]"),
        ({"index": {"refresh_interval": "²s"}}, "failed to parse setting [index.refresh_interval]"),
        ({"sort.field": ["k"]}, "sort in the search"),
        ({"index": {"default_pipeline": "p"}}, "there are no ingest pipelines"),
        ({"max_terms_count": 100_000}, "<= 65536"),
        ({"mapping.depth.limit": "deep"}, "must be a whole number"),
    ],
)
def test_settings_are_checked_in_elasticsearchs_words(world: World, settings: dict[str, Any], words: str) -> None:
    """Nothing is made for a setting that cannot be."""
    error = world.refused(settings=settings)
    assert error.code == "illegal_argument"
    assert words in error.message
    assert world.log.topic(TopicName("t.books")) is None


def test_hints_are_kept_and_shown(world: World) -> None:
    """What other servers do with their disks and caches changes no answer here."""
    hints = {
        "translog.retention.size": "1mb",
        "unassigned.node_left.delayed_timeout": "5m",
        "queries.cache.enabled": "false",
    }
    made = world.service.create("books", {"index": hints, "codec": "best_compression"}, {})
    assert hints.items() <= made.settings.items()


def test_a_null_setting_is_no_setting(world: World) -> None:
    """``null`` at creation means the default."""
    made = world.service.create("books", {"codec": None, "index": {"refresh_interval": None}}, {})
    assert made.settings == {"number_of_replicas": "0", "number_of_shards": "2"}


def test_a_change_of_the_mapping_is_marked_in_every_partition(world: World) -> None:
    """Markers carry the explicit version; the call returns when the partitions have read them."""
    world.service.create("books", {}, {})
    changed = world.service.put_mapping(BOOKS, {"properties": {"a": {"type": "long"}}})
    assert changed.mapping.fields["a"].type == "long"
    assert [world.markers(p) for p in range(2)] == [[2], [2]]
    assert all(d.waits == [(1, 30.0)] for d in world.deciders.by_partition.values())


def test_a_marker_that_was_not_written_is_written_by_the_next_call(world: World) -> None:
    """The log fails between the change and its marker; the same call again changes nothing, and marks."""
    world.service.create("books", {}, {})
    body = {"properties": {"a": {"type": "long"}}}
    world.log.failing = {1}
    with pytest.raises(SedimentError):
        world.service.put_mapping(BOOKS, body)
    world.log.failing = set()
    world.catalog.bind("u1", {"dynamic": {"type": "long"}}, 0, 0)  # versions of dynamic fields are never marked
    world.service.put_mapping(BOOKS, body)
    assert world.markers(0) == [2, 2]
    assert world.markers(1) == [2]


def test_settings_can_be_changed_but_not_all(world: World) -> None:
    """Dynamic settings change, ``null`` takes away; fixed ones are refused."""
    world.service.create("books", {"refresh_interval": "1s"}, {})
    assert world.service.put_settings(BOOKS, {"index": {"refresh_interval": "5s"}}).settings["refresh_interval"] == "5s"
    assert "refresh_interval" not in world.service.put_settings(BOOKS, {"index.refresh_interval": None}).settings
    with pytest.raises(SedimentError) as raised:
        world.service.put_settings(BOOKS, {"number_of_shards": 4, "codec": "x"})
    assert "[[index.codec, index.number_of_shards]]" in raised.value.message


def test_deleting_takes_the_topic_along(world: World) -> None:
    """Also when the topic is gone already; unknown names are 404."""
    world.service.create("books", {}, {})
    world.service.delete(BOOKS)
    assert world.log.topic(TopicName("t.books")) is None
    assert world.service.index("books") is None
    world.service.create("books", {}, {})
    world.log.delete_topic(TopicName("t.books"))
    world.service.delete(BOOKS)
    for call in (
        lambda: world.service.delete(BOOKS),
        lambda: world.service.put_mapping(BOOKS, {}),
        lambda: world.service.put_settings(BOOKS, {}),
    ):
        with pytest.raises(SedimentError) as raised:
            call()
        assert raised.value.code == "index_not_found"


def left_over(world: World, monkeypatch: pytest.MonkeyPatch) -> TopicName:
    """A topic whose index was deleted by a process that ended before it came to the topic."""
    world.service.create("books", {}, {})
    topic = TopicName("t.books")
    world.log.append(
        topic, PartitionId(0), AppendBatch(ByteColumn.of([b"old"]), ByteColumn.of([b"{}"]), np.zeros(1, np.int64))
    )

    def end(_name: TopicName) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(world.log, "delete_topic", end)
        world.service.delete(BOOKS)
    assert world.log.topic(topic) is not None
    return topic


def test_an_interrupted_deletion_is_finished(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the next start; a topic of that name that somebody made since stays."""
    topic = left_over(world, monkeypatch)
    world.service.finish_deletions()
    assert world.log.topic(topic) is None
    world.log.create_topic(topic, 3)
    world.service.finish_deletions()
    assert world.log.topic(topic) is not None


def test_what_an_interrupted_deletion_left_is_not_taken_over(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new index of that name begins empty."""
    topic = left_over(world, monkeypatch)
    made = world.service.create("books", {}, {})
    info = world.log.topic(topic)
    assert info is not None
    assert made.topic_id == info.topic_id
    assert world.log.end_offset(topic, PartitionId(0)) == 0


def test_a_created_index_is_the_proposed_one(world: World) -> None:
    """A process that lost the race hears so, and does not delete the winner's topic."""
    world.log.create_topic(TopicName("t.books"), 2)
    world.catalog.propose(CreateIndex("books", "first", "t.books", 2, {}, {}))
    assert world.refused().details["index_uuid"] == "first"
    assert world.log.topic(TopicName("t.books")) is not None


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("-1", -1),
        ("0", 0),
        ("0s", 0),
        ("100ms", 100),
        ("1s", 1000),
        ("1.5s", 1500),
        ("2m", 120_000),
        ("1d", 86_400_000),
        ("500micros", 0),
    ],
)
def test_time_values(text: str, ms: int) -> None:
    """All units of Elasticsearch."""
    assert refresh_ms(text) == ms


@given(text=st.text(max_size=8) | st.from_regex(r"[0-9.]{1,4}(s|ms|m|h|d|nanos)"))
def test_any_text_is_a_time_or_refused(text: str) -> None:
    """Never another error."""
    try:
        assert refresh_ms(text) >= -1
    except SedimentError as error:
        assert error.code == "illegal_argument"  # noqa: PT017 - either is right


def test_flat_settings() -> None:
    """Nested and dotted spellings are one; values are texts."""
    nested = {"index": {"a": {"b": 1}, "c": True}, "index.d": [1, 2], "e": None}
    assert flatten_settings(nested) == {"a.b": "1", "c": "true", "d": "1,2", "e": None}


def test_a_service_needs_no_records_to_be_empty(world: World) -> None:
    """A refused index whose topic got records meanwhile keeps the topic."""
    propose = world.catalog.propose

    def refuse(command: Any, timeout_s: float = 30.0) -> Any:
        batch = AppendBatch(ByteColumn.of([b"k"]), ByteColumn.of([b"{}"]), np.zeros(1, np.int64))
        world.log.append(TopicName("t.books"), PartitionId(1), batch)
        return propose(command, timeout_s)

    world.catalog.propose = refuse  # type: ignore[method-assign]
    two = {name: {"type": "long"} for name in "ab"}
    world.refused(settings={"mapping.total_fields.limit": 1}, mappings={"properties": two})
    assert world.log.topic(TopicName("t.books")) is not None
