"""Metrics count what they are told, under a bounded number of label sets."""

import pytest

from pipeline.telemetry import names
from pipeline.telemetry.metrics import Metrics


def test_counters_gauges_and_histograms_show_in_the_exposition() -> None:
    """Each kind, as a scraper reads it."""
    metrics = Metrics()
    metrics.add(names.INGEST_BYTES, 10, index="a")
    metrics.add(names.INGEST_BYTES, 5, index="a")
    metrics.set(names.LAG, 7, index="a", partition="0")
    metrics.change(names.REST_IN_FLIGHT, 2)
    metrics.change(names.REST_IN_FLIGHT, -1)
    metrics.observe(names.SEARCH_SECONDS, 0.003, index="a")
    text = metrics.exposition().decode()
    for line in (
        'sediment_ingest_bytes_total{index="a"} 15.0',
        'sediment_materialise_lag_records{index="a",partition="0"} 7.0',
        "sediment_rest_in_flight_requests 1.0",
        'sediment_search_seconds_bucket{index="a",le="0.0025"} 0.0',
        'sediment_search_seconds_bucket{index="a",le="0.005"} 1.0',
    ):
        assert line in text


def test_value_reads_back() -> None:
    """What a test or a status page may ask."""
    metrics = Metrics()
    metrics.add(names.INGEST_BYTES, 10, index="a")
    metrics.observe(names.SEARCH_SECONDS, 2, index="a")
    assert metrics.value(names.INGEST_BYTES, index="a") == 10
    assert metrics.value(names.SEARCH_SECONDS, "_sum", index="a") == 2
    assert metrics.value(names.INGEST_BYTES, index="b") is None


def test_label_sets_are_bounded() -> None:
    """A client that makes up index names does not fill the memory."""
    metrics = Metrics()
    for i in range(names.SERIES_MAX + 10):
        metrics.add(names.INGEST_BYTES, 1, index=f"i{i}")
    assert metrics.value(names.INGEST_BYTES, index=names.OTHER) == 10
    metrics.add(names.INGEST_BYTES, 1, index="i0")
    assert metrics.value(names.INGEST_BYTES, index="i0") == 2


def test_forgetting_an_index_drops_its_series_and_makes_room() -> None:
    """All its partitions, in all metrics, and nobody else's."""
    metrics = Metrics()
    for index in "ab":
        metrics.add(names.INGEST_BYTES, 1, index=index)
        for partition in "01":
            metrics.set(names.LAG, 1, index=index, partition=partition)
    metrics.forget(index="a")
    text = metrics.exposition().decode()
    assert 'index="a"' not in text
    assert metrics.value(names.LAG, index="b", partition="1") == 1
    metrics.forget(index="b", partition="1")
    assert metrics.value(names.LAG, index="b", partition="1") is None
    assert metrics.value(names.LAG, index="b", partition="0") == 1
    assert metrics.value(names.INGEST_BYTES, index="b") == 1


def test_timed_uses_the_clock_that_came_in() -> None:
    """Also when the block raises."""
    ticks = iter([1.0, 1.5, 2.0, 4.0])
    metrics = Metrics(clock=lambda: next(ticks))
    with metrics.timed(names.SEARCH_SECONDS, index="a"):
        pass
    with pytest.raises(ValueError, match="x"), metrics.timed(names.SEARCH_SECONDS, index="a"):
        raise ValueError("x")
    assert metrics.value(names.SEARCH_SECONDS, "_sum", index="a") == 2.5
    assert metrics.value(names.SEARCH_SECONDS, "_count", index="a") == 2


def test_two_objects_do_not_meet() -> None:
    """All roles in one process, or two tests."""
    one, other = Metrics(), Metrics()
    one.add(names.INGEST_BYTES, 1, index="a")
    assert other.value(names.INGEST_BYTES, index="a") is None


def test_wrong_labels_are_refused() -> None:
    """A label that the table does not have is a mistake of ours."""
    with pytest.raises(AssertionError, match="labels"):
        Metrics().add(names.INGEST_BYTES, 1)


def test_process_metrics_on_demand() -> None:
    """Memory of the process, under its usual name."""
    metrics = Metrics()
    assert b"process_resident_memory_bytes" not in metrics.exposition()
    metrics.include_process()
    assert b"process_resident_memory_bytes" in metrics.exposition()


def test_what_was_forgotten_counts_anew() -> None:
    """A series that is gone begins at zero, whoever had counted in it; the order of labels does not matter."""
    metrics = Metrics()
    metrics.set(names.LAG, 7, index="a", partition="0")
    metrics.set(names.LAG, 8, partition="0", index="a")
    assert metrics.value(names.LAG, index="a", partition="0") == 8
    metrics.change(names.LAG, 1, index="a", partition="0")
    metrics.forget(index="a")
    metrics.change(names.LAG, 1, index="a", partition="0")
    assert metrics.value(names.LAG, index="a", partition="0") == 1
