"""A campaign against a fixed plan at equal cost: who judges, how many pairs, what the scorer and a ranker gain.

A campaign pilots two cheap judges (shared words, sentence similarity), chooses one, judges in growing batches and stops
where its learning curve says so. The fixed plan asks one judge about random pairs, all at once; it gets as many
judgments as the campaign spent, pilot included, and once the whole budget. A judgment of either judge costs the same.
The log is drawn from the grades of CrowdFlower (ranked clicks), anew in each draw, with other test queries.

    python scripts/experiments/campaign/measure.py --draws 5 --budget 1500
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

import sie_agent as sie
from sie_agent.campaign import load_goal, write_goal
from sie_agent.commands.campaigning.context import Campaign
from sie_agent.commands.campaigning.measures import outcome
from sie_agent.files.manifest import write_json

JUDGES = {"words": ("lexical", "relevance/lexical"), "meaning": ("embedding", "relevance/cosine")}
OUT = Path("eval/results/campaign.json")
FIGURES = ("log", "target", "scorer", "gain", "scorer_gain")
# fewer proxies and no columns of the log, in every plan alike: what is compared are judgments
DISTILL = ("labels.proxies=3", "labels.log_columns=false")


def main() -> None:
    """Run what is not there yet, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="crowdflower")
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--budget", type=int, default=1500)
    parser.add_argument(
        "--work", type=Path, default=Path("runs/campaign-measured"), help="folder of the runs, which go on"
    )
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args()
    rows = []
    for seed in range(given.draws):
        done = given.work / f"draw-{seed}.json"
        if not done.is_file():
            done.parent.mkdir(parents=True, exist_ok=True)
            done.write_text(json.dumps(draw(given, seed)))
        rows += json.loads(done.read_text())
        write_json(given.out, {"data": given.data, "budget": given.budget, "rows": rows, "summary": summary(rows)})
    for line in summary(rows):
        print(line)


def draw(given: argparse.Namespace, seed: int) -> list[dict[str, Any]]:
    """All plans on one draw of the log."""
    started, cpu = time.perf_counter(), time.process_time()
    folder = given.work / f"campaign-{seed}"
    specs = [f"{name}={backend}" for name, (backend, _) in JUDGES.items()]
    log = {"data": given.data, "simulate": "ranked-clicks"}
    content = {"log": log, "judges": specs, "budget": {"judgments": given.budget}, "seed": seed, "distill": DISTILL}
    path = write_goal(given.work / f"goal-{seed}.yaml", content)
    result = sie.run_campaign(path, folder, yes=given.budget)
    spent = next(one["judgments"] for one in result["spending"] if one["step"] == "total")
    row = {"plan": "campaign", "judge": result["choice"].split(" @ ")[-1], "cost": spent, "judged": result["judged"]}
    rows = [{**row, **figures(result["outcome"]), "seed": seed, "cpu": time.process_time() - cpu}]
    plans = [(name, spent) for name in JUDGES] + [(row["judge"], given.budget)]
    for place, (name, pairs) in enumerate(plans):
        cpu = time.process_time()
        found = fixed_plan(path, folder, given.work / f"fixed-{seed}-{place}", name, pairs, seed)
        kind = "fixed, whole budget" if pairs == given.budget and place == len(JUDGES) else f"fixed, {name}"
        told = {"plan": kind, "judge": name, "cost": pairs, "judged": pairs}
        rows.append({**told, **figures(found), "seed": seed, "cpu": time.process_time() - cpu})
    print(f"draw {seed}: {time.perf_counter() - started:.0f} s", flush=True)
    return rows


def fixed_plan(goal: Path, log: Path, folder: Path, name: str, pairs: int, seed: int) -> dict[str, Any]:
    """One judge, random pairs, all at once; on the log and the test queries of the campaign."""
    folder.mkdir(parents=True, exist_ok=True)
    for part in ("log.parquet", "test-grades.parquet"):
        shutil.copy(log / part, folder / part)
    backend, variant = JUDGES[name]
    data = folder / "log.parquet"
    how: dict[str, Any] = {"seed": seed, "overwrite": True}
    cache = folder / "answers.sqlite"
    sie.label(data, folder / "labels", variant=variant, judge=backend, budget=pairs, cache_path=cache, **how)
    made = sie.distill(folder / "labels", data, folder / "model", overrides=DISTILL, **how)
    sie.score(folder / "model" / "scorer", data, folder / "scores.parquet", overwrite=True)
    sie.weights(folder / "scores.parquet", folder / "weights.parquet", overwrite=True)
    return outcome(Campaign.opened(load_goal(goal), folder, {}), made["recipe"]["words"])


def figures(found: dict[str, Any]) -> dict[str, Any]:
    """The figures of an outcome."""
    told = {name: found[name]["value"] for name in FIGURES}
    return {**told, "verdict": found["verdict"], "mode": found["mode"]}


def summary(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Means over draws, and the campaign less each other plan, paired by draw, with a 95 % t interval."""
    from scipy.stats import t

    by = {plan: [one for one in rows if one["plan"] == plan] for plan in dict.fromkeys(one["plan"] for one in rows)}
    told = []
    for plan, own in by.items():
        line: dict[str, Any] = {"plan": plan, "draws": len(own)}
        line |= {
            name: float(np.mean([one[name] for one in own])) for name in ("cost", "judged", "scorer", "target", "gain")
        }
        line["judges"] = sorted({one["judge"] for one in own})
        if plan != "campaign" and len(own) > 1:
            for name in ("scorer", "target"):
                less = np.array([a[name] - b[name] for a, b in zip(by["campaign"], own, strict=True)])
                half = float(t.ppf(0.975, len(less) - 1) * less.std(ddof=1) / len(less) ** 0.5)
                line[f"campaign_less_{name}"] = {"value": float(less.mean()), "half_width": half}
        told.append(line)
    return told


if __name__ == "__main__":
    main()
