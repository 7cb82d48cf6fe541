"""Figures for Prometheus, in a registry of the service's own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from sie_agent.serving.engine import Loaded

Figure = tuple[str, Mapping[str, str], float]
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
# what of sie_refused_total: statuses by the code of their error, the rest by what took too long or had no place
REASONS = (
    "bad_request",
    "uri_too_long",
    "headers_too_large",
    "unsupported_version",
    "unsupported_coding",
    "too_large",
    "busy",
    "too_many_connections",
    "pipelined",
    "head_timeout",
    "body_timeout",
    "write_timeout",
    "place_needed",
    "no_place",
    "no_handles",
)
ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


class Observed(Collector):
    """Gauges that somebody else names."""

    figures: tuple[Figure, ...] = ()

    def collect(self) -> Iterable[Metric]:
        families: dict[str, GaugeMetricFamily] = {}
        for name, labels, value in self.figures:
            keys = tuple(sorted(labels))
            family = families.setdefault(name, GaugeMetricFamily(name, "Of the adjustment of weights", labels=keys))
            family.add_metric([labels[key] for key in keys], value)
        return families.values()


class Metrics:
    """Everything that is counted. Routes are counted by their name, so that made-up paths make no new series."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.requests = Counter(
            "sie_requests", "Requests answered", ["route", "method", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "sie_request_seconds",
            "From the head of a request to the end of its answer; NDJSON streams are left out",
            ["route"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self.under_way = Gauge("sie_requests_under_way", "Requests under way", registry=self.registry)
        self.rows = Counter("sie_rows", "Rows scored", registry=self.registry)
        self.lines = Counter("sie_stream_lines", "NDJSON lines answered", ["outcome"], registry=self.registry)
        self.batch_rows = Histogram("sie_batch_rows", "Rows scored at once", buckets=ROWS, registry=self.registry)
        self.inference = Histogram(
            "sie_inference_seconds", "Time of the model per batch", buckets=SECONDS, registry=self.registry
        )
        self.queue = Gauge("sie_queue_rows", "Rows that wait for the model", registry=self.registry)
        self.refused = Counter(
            "sie_refused", "Requests and connections refused or cut at a bound", ["reason"], registry=self.registry
        )
        self.connections = Gauge("sie_connections", "Connections", ["place"], registry=self.registry)
        self.reloads = Counter("sie_reloads", "Reloads of the scorer", ["outcome"], registry=self.registry)
        self.faults = Counter("sie_faults", "Faults of the service's own parts", ["part"], registry=self.registry)
        self.scorer = Gauge("sie_scorer_info", "The scorer that answers", ["sha256", "labels"], registry=self.registry)
        self.loaded = Gauge("sie_scorer_loaded_seconds", "When it was loaded, since 1970", registry=self.registry)
        self.draining = Gauge("sie_draining", "1 while the service is stopping", registry=self.registry)
        self.observer_late = Counter(
            "sie_adjustment_figures_late",
            "Answers of /metrics with the figures of an earlier one, as the model was busy",
            registry=self.registry,
        )
        self.observed = Observed()
        self.registry.register(self.observed)
        # a series that appears with its first event has no rate at that event
        for outcome in ("changed", "unchanged", "refused"):
            self.reloads.labels(outcome)
        for reason in REASONS:
            self.refused.labels(reason)
        for part in ("engine", "observer", "service"):
            self.faults.labels(part)

    def watch_queue(self, rows: Callable[[], float]) -> None:
        """Read the length of the queue when it is asked for, not at every request."""
        self.queue.set_function(rows)

    def watch_connections(self, inside: Callable[[], float], outside: Callable[[], float]) -> None:
        """Read the numbers of connections, and of those on places for probes, when they are asked for."""
        self.connections.labels("any").set_function(inside)
        self.connections.labels("probes").set_function(outside)

    def serving(self, loaded: Loaded) -> None:
        """Note which scorer answers from now on."""
        self.scorer.clear()
        self.scorer.labels(loaded.sha256, ",".join(loaded.engine.labels)).set(1)
        self.loaded.set(loaded.at)

    def show(self, figures: Iterable[Figure]) -> None:
        """Show gauges of the observer's from now on, in the place of those before."""
        self.observed.figures = tuple(figures)

    def total(self, name: str) -> int:
        """Sum of a counter over its labels."""
        return int(
            sum(
                sample.value
                for family in self.registry.collect()
                for sample in family.samples
                if sample.name == f"{name}_total"
            )
        )
