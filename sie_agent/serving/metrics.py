"""Prometheus metrics, in the service's own registry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial

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


class ObserverGauges(Collector):
    """Gauges that the observer names."""

    figures: tuple[Figure, ...] = ()

    def collect(self) -> Iterable[Metric]:
        families: dict[str, GaugeMetricFamily] = {}
        for name, labels, value in self.figures:
            keys = tuple(sorted(labels))
            family = families.setdefault(name, GaugeMetricFamily(name, "Of the adjustment of weights", labels=keys))
            family.add_metric([labels[key] for key in keys], value)
        return families.values()


class Metrics:
    """All metrics. Requests are counted by route, so that made-up paths create no new series."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        counter, gauge = partial(Counter, registry=self.registry), partial(Gauge, registry=self.registry)
        histogram = partial(Histogram, registry=self.registry)
        self.requests = counter("sie_requests", "Requests answered", ["route", "method", "status"])
        about = "From the head of a request to the end of its answer; NDJSON streams are left out"
        self.seconds = histogram("sie_request_seconds", about, ["route"], buckets=SECONDS)
        self.under_way = gauge("sie_requests_under_way", "Requests under way")
        self.rows = counter("sie_rows", "Rows scored")
        self.lines = counter("sie_stream_lines", "NDJSON lines answered", ["outcome"])
        self.batch_rows = histogram("sie_batch_rows", "Rows scored at once", buckets=ROWS)
        self.inference = histogram("sie_inference_seconds", "Time of the model per batch", buckets=SECONDS)
        self.queue = gauge("sie_queue_rows", "Rows that wait for the model")
        self.refused = counter("sie_refused", "Requests and connections refused or cut at a bound", ["reason"])
        self.connections = gauge("sie_connections", "Connections", ["place"])
        self.reloads = counter("sie_reloads", "Reloads of the scorer", ["outcome"])
        self.faults = counter("sie_faults", "Faults of the service's own parts", ["part"])
        self.scorer = gauge("sie_scorer_info", "The scorer that answers", ["sha256", "labels"])
        self.loaded = gauge("sie_scorer_loaded_seconds", "When it was loaded, since 1970")
        self.draining = gauge("sie_draining", "1 while the service is stopping")
        about = "Answers of /metrics with the figures of an earlier one, as the model was busy"
        self.observer_late = counter("sie_adjustment_figures_late", about)
        self.observed = ObserverGauges()
        self.registry.register(self.observed)
        # a series that appears with its first event has no rate at that event
        for outcome in ("changed", "unchanged", "refused"):
            self.reloads.labels(outcome)
        for reason in REASONS:
            self.refused.labels(reason)
        for part in ("engine", "observer", "service"):
            self.faults.labels(part)

    def serving(self, loaded: Loaded) -> None:
        """Record which scorer answers from now on."""
        self.scorer.clear()
        self.scorer.labels(loaded.sha256, ",".join(loaded.engine.labels)).set(1)
        self.loaded.set(loaded.at)

    def total(self, name: str) -> int:
        """Sum of a counter over its labels."""
        samples = (sample for family in self.registry.collect() for sample in family.samples)
        return int(sum(sample.value for sample in samples if sample.name == f"{name}_total"))
