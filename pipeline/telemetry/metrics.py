"""Counters, gauges and histograms with bounded label sets.

One `Metrics` object is made in a composition root and passed down. It owns its registry, so two of them
in one process (tests, one process with all roles) do not meet.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import prometheus_client as prometheus
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics import MetricWrapperBase

from pipeline.telemetry import names

CONTENT_TYPE = CONTENT_TYPE_LATEST


class Metrics:
    """All metrics of the table, at zero."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._registry = prometheus.CollectorRegistry()
        self._lock = threading.Lock()
        self._series: dict[str, set[tuple[str, ...]]] = {m.name: set() for m in names.METRICS}
        self._counters: dict[str, prometheus.Counter] = {}
        self._gauges: dict[str, prometheus.Gauge] = {}
        self._histograms: dict[str, prometheus.Histogram] = {}
        # by metric and labels: the library's own look-up is most of what counting costs
        self._children: dict[tuple[object, ...], Any] = {}
        for metric in names.METRICS:
            self._declare(metric)

    def _declare(self, metric: names.Counter | names.Gauge | names.Histogram) -> None:
        name, text, labels = metric.name, f"{metric.meaning} [{metric.unit}]", metric.labels
        match metric:
            case names.Counter():
                self._counters[name] = prometheus.Counter(name, text, labels, registry=self._registry)
            case names.Gauge():
                self._gauges[name] = prometheus.Gauge(name, text, labels, registry=self._registry)
            case names.Histogram():
                self._histograms[name] = prometheus.Histogram(
                    name, text, labels, registry=self._registry, buckets=metric.buckets
                )

    def add(self, metric: names.Counter, amount: float = 1, **labels: str) -> None:
        """Count up."""
        self._child(metric, labels).inc(amount)

    def set(self, metric: names.Gauge, value: float, **labels: str) -> None:
        """Say how much there is now."""
        self._child(metric, labels).set(value)

    def change(self, metric: names.Gauge, amount: float, **labels: str) -> None:
        """Say that there is so much more, or less, than before."""
        self._child(metric, labels).inc(amount)

    def observe(self, metric: names.Histogram, value: float, **labels: str) -> None:
        """One observation, in the metric's unit."""
        self._child(metric, labels).observe(value)

    @contextmanager
    def timed(self, metric: names.Histogram, **labels: str) -> Iterator[None]:
        """Observe how long the block took, whether or not it raised."""
        started = self._clock()
        try:
            yield
        finally:
            self.observe(metric, self._clock() - started, **labels)

    def forget(self, **labels: str) -> None:
        """Drop every series with these label values: an index or a partition that is gone."""
        assert labels, "forgetting needs at least one label"
        for metric in names.METRICS:
            if not labels.keys() <= set(metric.labels):
                continue
            family: MetricWrapperBase = self._family(metric)
            wanted = [(metric.labels.index(label), value) for label, value in labels.items()]
            with self._lock:
                known = self._series[metric.name]
                gone = [s for s in known if all(s[at] == value for at, value in wanted)]
                known.difference_update(gone)
                for series in gone:
                    family.remove(*series)
                if gone:
                    self._children.clear()

    def include_process(self) -> None:
        """Add the process's memory, processor time and open files, under the usual names."""
        prometheus.ProcessCollector(registry=self._registry)

    def exposition(self) -> bytes:
        """Everything, in the text format that CONTENT_TYPE names."""
        return generate_latest(self._registry)

    def value(self, metric: names.Metric, suffix: str = "", **labels: str) -> float | None:
        """What a series stands at, for tests and status pages; suffix `_count` or `_sum` of a histogram."""
        return self._registry.get_sample_value(metric.name + suffix, labels)

    def _family(self, metric: names.Metric) -> MetricWrapperBase:
        name = metric.name
        return self._counters.get(name) or self._gauges.get(name) or self._histograms[name]

    def _child(self, metric: names.Metric, labels: dict[str, str]) -> Any:
        key = (metric.name, *labels.items())
        child = self._children.get(key)
        if child is None:
            values = self._values(metric, labels)
            family = self._family(metric)
            child = family.labels(*values) if values else family
            if names.OTHER not in values:  # what the bound has turned away is not kept either
                self._children[key] = child
        return child

    def _values(self, metric: names.Metric, labels: dict[str, str]) -> tuple[str, ...]:
        assert len(labels) == len(metric.labels), f"{metric.name} has labels {metric.labels}"
        if not labels:
            return ()
        values = tuple(labels[name] for name in metric.labels)
        known = self._series[metric.name]
        if values in known:
            return values
        with self._lock:
            if len(known) >= metric.series_max:
                return (names.OTHER,) * len(values)
            known.add(values)
        return values
