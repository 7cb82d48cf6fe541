"""Does the real-time adjustment tell a market that shifts from noise? A replay of a log on real data.

python scripts/experiments/drift/replay.py --out eval/results/benchmarks
python scripts/experiments/drift/replay.py --url http://127.0.0.1:8000   # the same events through a running `sie serve`

Events are Home Depot pairs with clicks drawn anew, whole queries in random order. Half-way the market shifts; what
counts is after how many events `watch` and `distill_again` are told, and how often they are where nothing shifts. The
judge is the embedded one, out of the cache. Departments are clusters of the titles' latent topics: the data have none.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

import numpy as np

from scripts.benchmarks.shared import say, started_manifest, write_figures
from scripts.experiments.drift.market import (
    BATCH,
    Conduct,
    Market,
    Stream,
    drifting,
    fresh_queries,
    make_market,
    stream_of,
)
from scripts.experiments.drift.noise import calibration, noise_alone
from scripts.experiments.drift.picture import picture
from sie_agent.drift import Adjustment

# the weak label that weights are made of here, and how far they spread: the most that the formula gives
BY, STRENGTH = "support", 1.0
LOOK_EVERY = 500
BIASED = Conduct(brand=0.5, position=2.0)
FLIPS = 0.2


class Local:
    """The adjustment in this process, asked as the service asks it."""

    def __init__(self, market: Market, baseline: dict[str, np.ndarray], rows: int) -> None:
        self.market = market
        self.adjustment = Adjustment(baseline, baseline_events=rows)

    def send(self, rows: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Weigh a batch, then observe it; (n,) weights."""
        scores = dict(zip(self.market.labels, scores_of(self.market, rows, labels), strict=True))
        weights = self.adjustment.weigh(BY, scores[BY], STRENGTH)
        queries = self.market.samples["query"].to_numpy()[rows]
        self.adjustment.observe(scores, labels, self.market.departments[rows], queries)
        return weights

    def state(self) -> dict[str, Any]:
        """What the service shows."""
        return self.adjustment.state()


class Served:
    """The same through a running `sie serve`."""

    def __init__(self, market: Market, url: str) -> None:
        import httpx

        self.market = market
        self.client = httpx.Client(base_url=url, timeout=60.0)

    def send(self, rows: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Have a batch scored; (n,) weights."""
        chosen = self.market.samples.iloc[rows]
        samples = [
            {"query": query, "title": title, "description": text, "label": said, "department": department}
            for query, title, text, said, department in zip(
                chosen["query"],
                chosen["title"],
                chosen["description"],
                labels.tolist(),
                self.market.departments[rows],
                strict=True,
            )
        ]
        reply = self.client.post("/v1/score", json={"samples": samples})
        reply.raise_for_status()
        scored = reply.json()["scores"]
        return np.array([one.get("weight", np.nan) for one in scored], float)

    def state(self) -> dict[str, Any]:
        """What the service shows."""
        reply = self.client.get("/v1/adjustment")
        reply.raise_for_status()
        shown: dict[str, Any] = reply.json()
        return shown


def scores_of(market: Market, rows: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(labels, n) what the scorer says of rows with the log's labels."""
    return np.where(labels == 1, market.scores[1][:, rows], market.scores[0][:, rows])


def baseline_of(market: Market, fitted: bool, seed: int) -> tuple[dict[str, np.ndarray], int]:
    """Quantiles of the scores of the log the scorer was distilled from, of rows it was fitted on or not."""
    rows = np.concatenate([market.rows[query] for query in fresh_queries(market, True)])
    rows = np.flatnonzero(market.fitted) if fitted else rows
    rng = np.random.default_rng(seed)
    labels = (rng.random(len(rows)) < Conduct().probability(market)[rows]).astype(float)
    quantiles = np.quantile(scores_of(market, rows, labels), np.linspace(0, 1, 101), axis=1).T
    return dict(zip(market.labels, quantiles, strict=True)), len(rows)


def scenarios(market: Market, events: int, flipped: str) -> dict[str, Callable[[np.random.Generator], Stream]]:
    """What happens in the second half, by name."""
    return {
        "nothing": lambda rng: stream_of(market, True, Conduct(), events, rng),
        "unseen_products": lambda rng: stream_of(market, False, Conduct(), events, rng),
        "half_unseen_products": lambda rng: interleaved(market, events, rng),
        "position_and_brand_bias": lambda rng: stream_of(market, True, BIASED, events, rng),
        "flips_in_one_department": lambda rng: stream_of(
            market, True, Conduct(flips=FLIPS, flipped_department=flipped), events, rng
        ),
        "slow_drift": lambda rng: drifting(market, BIASED, events, rng),
    }


def interleaved(market: Market, events: int, rng: np.random.Generator) -> Stream:
    """Batches of known and of unseen products in turn."""
    parts = [stream_of(market, known, Conduct(), events // 2, rng) for known in (True, False)]
    rows, labels = (
        np.concatenate([np.reshape(getattr(part, name), (-1, 1, BATCH)) for part in parts], axis=1).ravel()
        for name in ("rows", "labels")
    )
    return Stream(rows, labels)


def replay(service: Local | Served, stream: Stream, frozen: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> dict:
    """Send a stream; the figures over events, and the mean weights with and without re-centring."""
    points, weights, old_weights = [], [], []
    sent = 0
    for rows, labels in stream.batches():
        weights.append(float(np.mean(service.send(rows, labels))))
        old_weights.append(float(np.mean(frozen(rows, labels))))
        sent += len(rows)
        if sent % LOOK_EVERY == 0:
            points.append({"event": sent, **point_of(service.state())})
    return {"points": points, "weights": weights, "old_weights": old_weights, "state": service.state()}


def point_of(state: dict[str, Any]) -> dict[str, Any]:
    """What is kept of one look."""

    def value(figure: dict[str, Any] | None) -> float | None:
        return None if figure is None else figure["value"]

    changes = [value(one["judge_versus_log"]["mean_support"]) for one in state["departments"].values()]
    return {
        "level": state["advice"]["level"],
        "reasons": state["advice"]["reasons"],
        "alarms": dict(state["alarms"]),
        "psi": {name: value(one["psi"]) for name, one in state["labels"].items()},
        "mix": value(state["mix"]),
        "mean_support": value(state["judge_versus_log"]["mean_support"]),
        "largest_department_change": max((abs(one) for one in changes if one is not None), default=None),
    }


def summary_of(found: dict, shift: int, stream: Stream, market: Market, flipped: str) -> dict[str, Any]:
    """Events until each level, alarms before the shift, weights before and after."""
    points = found["points"]
    before, after = [p for p in points if p["event"] <= shift], [p for p in points if p["event"] > shift]
    summary: dict[str, Any] = {"alarms_before_shift": before[-1]["alarms"], "alarms_at_end": points[-1]["alarms"]}
    hit = np.cumsum(market.departments[stream.rows] == flipped)
    for level in ("watch", "distill_again"):
        wanted = {"watch": ("watch", "distill_again"), "distill_again": ("distill_again",)}[level]
        first = next((p for p in after if p["level"] in wanted), None)
        summary[level] = first and {
            "events_after_shift": first["event"] - shift,
            "events_of_department": int(hit[first["event"] - 1] - hit[shift - 1]),
            "reasons": first["reasons"],
        }
    tail = (len(stream.rows) - shift) // 2 // BATCH
    for name, values in (("re_centred", found["weights"]), ("baseline_ranks", found["old_weights"])):
        summary[f"mean_weight_{name}"] = {
            "before": round(float(np.mean(values[shift // BATCH - tail : shift // BATCH])), 4),
            "after": round(float(np.mean(values[-tail:])), 4),
        }
    return summary


def main() -> None:
    """Run every scenario and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="homedepot")
    parser.add_argument("--cache", type=Path, help="folder with the judgment cache; it is copied, not opened")
    parser.add_argument("--events", type=int, default=60_000, help="before the shift, and again after it")
    parser.add_argument("--seeds", type=int, default=5, help="streams of each scenario")
    parser.add_argument("--noise-events", type=int, default=1_000_000, help="of each made-up stream without a shift")
    parser.add_argument("--noise-seeds", type=int, default=10)
    parser.add_argument(
        "--replicates", type=int, default=40_000, help="pairs of windows without a shift, to see chance"
    )
    parser.add_argument("--url", help="of a running `sie serve`, started afresh; one scenario is sent to it")
    parser.add_argument("--scenario", default="flips_in_one_department", help="the one that is sent to --url")
    parser.add_argument("--out", type=Path, default=Path("eval/results/benchmarks"))
    arguments = parser.parse_args()
    manifest = started_manifest(events=arguments.events, seeds=arguments.seeds, bias=vars(BIASED), flips=FLIPS)
    manifest.seeds = list(range(1, arguments.seeds + 1))
    with manifest.stage("market"):
        market, facts = make_market(arguments.data, arguments.cache, 1)
    baseline, rows = baseline_of(market, False, 99)
    flipped = commonest_department(market)
    if arguments.url:
        stream = both_halves(market, arguments.events, flipped, arguments.scenario, 1)
        found = replay(Served(market, arguments.url), stream, lambda rows, labels: np.full(len(rows), np.nan))
        say(str(summary_of(found, arguments.events, stream, market, flipped)))
        return
    figures: dict[str, Any] = {"market": facts, "flipped_department": flipped, "scenarios": {}, "noise": []}
    pictured = {}
    with manifest.stage("replay"):
        for name in scenarios(market, arguments.events, flipped):
            runs = []
            for seed in manifest.seeds:
                stream = both_halves(market, arguments.events, flipped, name, seed)
                service = Local(market, baseline, rows)
                frozen = Local(market, baseline, rows).adjustment
                found = replay(service, stream, frozen_weights(market, frozen))
                pictured.setdefault(name, found["points"])
                runs.append({"seed": seed, **summary_of(found, arguments.events, stream, market, flipped)})
            figures["scenarios"][name] = runs
            say(f"{name}: {[(run['watch'] or {}).get('events_after_shift') for run in runs]}")
    figures["settings"] = service.state()["settings"]
    figures["told_within_events"] = service.state()["told_within_events"]
    with manifest.stage("noise"):
        for seed in range(arguments.noise_seeds):
            figures["noise"].append(noise_alone(arguments.noise_events, 1_000 + seed))
    with manifest.stage("calibration"):
        figures["calibration"] = calibration(arguments.replicates, 7)
    with manifest.stage("baseline of fitted rows"):
        figures["fitted_rows_as_baseline"] = fitted_baseline(market, arguments.events)
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "adjustment.svg").write_text(picture(pictured, arguments.events), encoding="utf-8")
    write_figures(arguments.out / "adjustment.json", manifest, figures)


def frozen_weights(market: Market, frozen: Adjustment) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Weights by the baseline's ranks for ever: those of an adjustment that observes nothing."""
    place = market.labels.index(BY)
    return lambda rows, labels: frozen.weigh(BY, scores_of(market, rows, labels)[place], STRENGTH)


def commonest_department(market: Market) -> str:
    """The department with most rows."""
    names, counts = np.unique(market.departments.astype(str), return_counts=True)
    return str(names[np.argmax(counts)])


def both_halves(market: Market, events: int, flipped: str, name: str, seed: int) -> Stream:
    """The usual market, then the scenario."""
    rng = np.random.default_rng(seed)
    usual = stream_of(market, True, Conduct(), events, rng)
    return usual.followed_by(scenarios(market, events, flipped)[name](rng))


def fitted_baseline(market: Market, events: int) -> dict[str, Any]:
    """PSI of an unchanged market where the baseline is of the rows the scorer was fitted on."""
    baseline, rows = baseline_of(market, True, 99)
    service = Local(market, baseline, rows)
    stream = stream_of(market, True, Conduct(), min(events, 20_000), np.random.default_rng(1))
    for chosen, labels in stream.batches():
        service.send(chosen, labels)
    state = service.state()
    return {name: one["psi"] for name, one in state["labels"].items()} | {"level": state["advice"]["level"]}


if __name__ == "__main__":
    main()
