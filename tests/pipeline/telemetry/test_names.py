"""The table of names is consistent with itself and with Prometheus' conventions."""

import re

import pytest

from pipeline.telemetry import names

UNITS_IN_NAMES = {"seconds", "bytes", "documents", "records", "requests", "offset"}


def test_names_are_unique() -> None:
    """No two entries measure under one name."""
    assert len({m.name for m in names.METRICS}) == len(names.METRICS) > 20
    assert len({s.name for s in names.SPANS}) == len(names.SPANS) > 5


@pytest.mark.parametrize("metric", names.METRICS, ids=lambda m: m.name)
def test_metric_is_well_named(metric: names.Metric) -> None:
    """Prefix, suffix of counters, unit in the name where there is one, a meaning."""
    assert re.fullmatch(r"sediment(_[a-z]+)+", metric.name)
    assert metric.name.endswith("_total") == isinstance(metric, names.Counter)
    assert metric.unit not in UNITS_IN_NAMES or metric.unit in metric.name or "total" in metric.name
    assert metric.meaning
    assert not metric.meaning.endswith(".")
    assert not {"id", "document", "query", "user"} & set(metric.labels)


@pytest.mark.parametrize("metric", [m for m in names.METRICS if isinstance(m, names.Histogram)], ids=lambda m: m.name)
def test_buckets_ascend(metric: names.Histogram) -> None:
    """A histogram's bounds go up."""
    assert list(metric.buckets) == sorted(set(metric.buckets))
