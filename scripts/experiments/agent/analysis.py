"""All figures of the experiment from the tables of answers: curves, a row for each tool, simulated judges."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from scripts.experiments.agent.asking import MEASURED, OWN, PROMPT_ALONE
from scripts.experiments.agent.curves import MODES, Chain, Curves, everything, subset, unsure_of
from scripts.experiments.agent.population import (
    Figures,
    Judged,
    Population,
    configuration,
    figures_of,
    first_judge,
    loaded,
    told,
)
from scripts.experiments.agent.rows import FIRST
from sie_agent.agent.assessing import uncertainties
from sie_agent.calibration.curve import mode_of_grades
from sie_agent.evaluation import simulate_judge
from sie_agent.files.manifest import library_versions
from sie_agent.utils.arrays import Booleans, Doubles

# AUC of simulated judges, and what an answer takes in place of tokens
SIMULATED = {"first": (0.70, 0.0), "one pass": (0.90, 1.0), "agent": (0.95, 4.0)}
RELEVANT_AT = 0.75
# MiniLM, where it is unsure what differs from the 135 M model
DISAGREEMENT = "minilm by disagreement"


def analyse(work: Path, data: list[str]) -> dict[str, Any]:
    """Every figure of some data sets."""
    folders = {name: work / name for name in data}
    found: dict[str, Any] = {}
    tools: dict[str, dict[str, Figures]] = {}
    for name, folder in folders.items():
        population, rows = loaded(folder)
        judged = pd.read_parquet(folder / f"first-{OWN}.parquet")
        about = {
            "judge": str(judged["model"].iloc[0]),
            "pairs": {"tuning": int(population.tuning.sum()), "test": int(population.test.sum())},
            "queries": {
                "tuning": population.n_queries - len(population.test_queries),
                "test": len(population.test_queries),
            },
            "modes": {
                "gold": mode_of_grades(int(population.tuning.sum())),
                "free": "zero-shot, ranks of tuning queries",
            },
            "seconds": seconds_of(folder),
            "chains": chains(folder, population, rows),
            "simulated": simulated(population),
        }
        tools[name], about["tools"] = tool_rows(folder, population, rows)
        found[name] = about
    figures: dict[str, Any] = rounded({"versions": library_versions(), "data": found, "tools": together(tools)})
    return figures


def chains(folder: Path, population: Population, rows: pd.DataFrame) -> dict[str, Any]:
    """The curves behind each first judge, and behind the second judge's own pass."""
    one_pass = first_judge(folder, rows, OWN)
    found: dict[str, Any] = {}
    for name in (*FIRST, DISAGREEMENT, OWN):
        source = "minilm" if name == DISAGREEMENT else name
        first, unsure = first_judge(folder, rows, source), uncertainty(folder, rows, name)
        if first is None or one_pass is None or unsure is None:
            continue
        agent = configuration(folder, rows, f"agent-{source}")
        asked = np.ones(len(rows), bool) if agent is None else ~np.isnan(agent.tokens)
        part = part_of(population, asked)
        judges = {"one pass": one_pass} if name != OWN else {}
        judges |= {"agent": agent} if agent is not None else {}
        behind = {one: subset(judge, asked) for one, judge in judges.items()}
        unit = float(one_pass.tokens[asked & population.test].mean())
        chain = Chain(subset(first, asked), unsure[asked], behind, unit)
        told = {
            "pairs": int(part.test.sum()),
            "agent found": agent.found if agent else {},
            "all": everything(part, {"first": chain.first, **behind}),
        }
        found[name] = told | {mode: Curves(part, chain, mode).told() for mode in MODES}
    return found


def uncertainty(folder: Path, rows: pd.DataFrame, name: str) -> Doubles | None:
    """(n,) how unsure a judge is, as the agent has it: entropy, nearness to the middle, disagreement of two judges."""
    ids = rows["sample_id"]
    names = ["minilm", "likelihood"] if name == DISAGREEMENT else [name]
    paths = [folder / f"ranked-{one}.parquet" for one in names]
    if not all(path.is_file() for path in paths):
        return None
    tables = [pd.read_parquet(path) for path in paths]
    if name == DISAGREEMENT:
        left, right = (one.set_index("sample_id")["score"].reindex(ids).to_numpy(np.float64) for one in tables)
        return np.asarray(np.nan_to_num(np.abs(left - right), nan=1.0), np.float64)
    return np.asarray(uncertainties(tables[0], ids), np.float64)


def part_of(population: Population, kept: Booleans) -> Population:
    """Some of the pairs; their queries are counted anew."""
    _, codes = np.unique(population.queries[kept], return_inverse=True)
    return Population(population.grade[kept], codes.astype(np.intp), population.tuning[kept], population.levels)


def simulated(population: Population) -> dict[str, Any]:
    """The same curves where judges are grades with noise."""
    judges = {}
    for seed, (name, (auc, tokens)) in enumerate(SIMULATED.items()):
        score = simulate_judge(population.grade, auc, RELEVANT_AT, 900 + seed)
        judges[name] = Judged(score, np.full(len(score), tokens), np.ones(len(score)))
    first = judges["first"]
    chain = Chain(first, unsure_of(first.score), {name: judges[name] for name in ("one pass", "agent")}, 1.0)
    told = {"judges": {name: f"simulated, AUC {auc}" for name, (auc, _) in SIMULATED.items()}}
    return (
        told
        | {"all": everything(population, judges)}
        | {mode: Curves(population, chain, mode).told() for mode in MODES}
    )


def tool_rows(folder: Path, population: Population, rows: pd.DataFrame) -> tuple[dict[str, Figures], dict[str, Any]]:
    """Each tool left out, each alone, the prompt alone, the model's order: differences on pairs that both judged."""
    one_pass, full = first_judge(folder, rows, OWN), configuration(folder, rows, f"agent-{OWN}")
    against: dict[str, Judged | None] = {"order-model": full, PROMPT_ALONE: one_pass}
    against |= {f"without-{tool}": full for tool in MEASURED} | {f"only-{tool}": one_pass for tool in MEASURED}
    differences: dict[str, Figures] = {}
    told_rows: dict[str, Any] = {}
    for name, other in {**against, f"agent-{OWN}": one_pass}.items():
        one = configuration(folder, rows, name)
        if one is None or other is None:
            continue
        asked = ~np.isnan(one.tokens) & ~np.isnan(other.tokens) & population.test
        kept = asked | (population.tuning & ~np.isnan(other.tokens))
        part = part_of(population, kept)
        left, right = subset(one, kept), subset(other, kept)
        # tuning pairs are not asked in every configuration
        mine, theirs = (figures_of(part, [np.nan_to_num(one.score)], by_test=True) for one in (left, right))
        differences[name] = Figures(mine.within - theirs.within, mine.kappa - theirs.kappa)
        told_rows[name] = {
            "less": "one pass" if other is one_pass else f"agent-{OWN}",
            "pairs": int(asked.sum()),
            **mine.told(),
            "difference": differences[name].told(),
            "tokens": float(one.tokens[asked].mean()),
            "less_tokens": float((one.tokens - other.tokens)[asked].mean()),
            "calls": float(one.calls[asked].mean()),
            "found": one.found,
        }
    return differences, told_rows


def together(tools: Mapping[str, Mapping[str, Figures]]) -> dict[str, Any]:
    """Each tool over all data sets, which are independent, and whether it is on by default by the rule."""
    found = {}
    for tool in MEASURED:
        row: dict[str, Any] = {}
        for kind in ("without", "only"):
            parts = [one[f"{kind}-{tool}"].within for one in tools.values() if f"{kind}-{tool}" in one]
            if parts:
                row[kind] = told(np.mean(parts, axis=0))
        found[tool] = {**row, "on": earns(row.get("without"), row.get("only"))}
    return found


def earns(without: Mapping[str, float] | None, only: Mapping[str, float] | None) -> bool:
    """The rule: certainly worth something one way, certainly harmful neither way.

    Parameters
    ----------
    without : the agent without the tool less the whole agent. only : the agent with it alone less one pass.
    """
    helps = (without is not None and without["high"] < 0) or (only is not None and only["low"] > 0)
    harms = (without is not None and without["low"] > 0) or (only is not None and only["high"] < 0)
    return helps and not harms


def seconds_of(folder: Path) -> dict[str, Any]:
    """What the server computed in all: seconds, tokens, requests; by configuration the seconds alone."""
    path = folder / "seconds.jsonl"
    lines = [pd.read_json(path, lines=True)] if path.is_file() else []
    if not lines or "server" not in lines[0]:
        return {}
    table = pd.concat([lines[0][["name", "wall"]], pd.json_normalize(lines[0]["server"])], axis=1)
    if "seconds" not in table:
        return {"wall": float(table["wall"].sum())}
    total = {key: float(table[key].sum()) for key in ("seconds", "requests", "input_tokens", "output_tokens")}
    return {"wall": float(table["wall"].sum()), **total, "by": table.groupby("name")["seconds"].sum().to_dict()}


def rounded(value: Any) -> Any:
    """Figures to five digits; no number is null."""
    if isinstance(value, dict):
        return {str(key): rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    if isinstance(value, float | np.floating):
        return round(float(value), 5) if np.isfinite(value) else None
    return value
