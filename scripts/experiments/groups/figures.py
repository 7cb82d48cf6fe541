"""How far sums over groups predict what leaving the groups out did: correlations, intervals, harm found."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.stats import rankdata

from scripts.benchmarks.shared import say
from sie_agent.evaluation import chances_of_top, interval, roc_auc, spearman, spearman_brown

EFFECTS = ("ranking_loss", "within")
REPLICATES = 2000


def reliability(effects: np.ndarray) -> float:
    """Rank correlation over groups of the effects of disjoint halves of seeds, stepped up to all; (groups, seeds)."""
    return spearman_brown(spearman(effects[:, 0::2].mean(axis=1), effects[:, 1::2].mean(axis=1)))


def described(name: str, draws: list[dict[str, Any]]) -> dict[str, Any]:
    """The figures of one kind of groups, means over draws."""
    sizes = np.concatenate([one["sizes"] for one in draws])
    rng = np.random.default_rng(0)
    copies = [rng.integers(len(one["sizes"]), size=(REPLICATES, len(one["sizes"]))) for one in draws]
    told: dict[str, Any] = {
        "groups_by": name,
        "groups": [len(one["sizes"]) for one in draws],
        "rows": [int(sizes.min()), float(np.median(sizes)), int(sizes.max())],
        "effects": {},
        "predictors": [],
    }
    for place, effect in enumerate(EFFECTS):
        by_seed = [one["effects"][:, :, place] for one in draws]
        told["effects"][effect] = {
            "reliability": float(np.mean([reliability(one) for one in by_seed])),
            "mean": float(np.mean([one.mean() for one in by_seed])),
            "deviation_of_groups": float(np.mean([one.mean(axis=1).std() for one in by_seed])),
            "deviation_of_one_seed": float(np.mean([one.std(axis=1).mean() for one in by_seed])),
            "share_harmful": float(np.mean([(one.mean(axis=1) < 0).mean() for one in by_seed])),
        }
    for predictor in draws[0]["sums"]:
        row: dict[str, Any] = {"predictor": predictor}
        for place, effect in enumerate(EFFECTS):
            reached = [one["effects"][:, :, place].mean(axis=1) for one in draws]
            added = [one["sums"][predictor] for one in draws]
            row[effect] = agreement(added, reached, copies)
        told["predictors"].append(row)
        say(f"{name:14} {predictor:24} {line(row['ranking_loss'])}   within {line(row['within'])}")
    return told


def agreement(added: list[np.ndarray], reached: list[np.ndarray], copies: list[np.ndarray]) -> dict[str, Any]:
    """Spearman of sums (repetitions, groups) and effects (groups,), a mean over repetitions and draws; and harm found.

    ``harmful_auc`` is that of the lowest sums for groups that the model is better without; ``lowest_fifth`` the mean
    effect of the fifth of the groups with the lowest sums, as a share of the standard deviation of effects.
    """
    each = [np.mean([spearman(one, effect) for one in some]) for some, effect in zip(added, reached, strict=True)]
    if not np.isfinite(each).all():
        return {"spearman": None}
    drawn = np.mean(
        [
            np.mean([resampled(one, effect, rows) for one in some], axis=0)
            for some, effect, rows in zip(added, reached, copies, strict=True)
        ],
        axis=0,
    )
    low, high = interval(drawn)
    pairs = [(one, effect) for some, effect in zip(added, reached, strict=True) for one in some]
    sizes = [max(len(one) // 5, 1) for one, _ in pairs]
    fifth = [
        chances_of_top(-one, size) @ effect / size / effect.std()
        for (one, effect), size in zip(pairs, sizes, strict=True)
    ]
    return {
        "spearman": float(np.mean(each)),
        "low": low,
        "high": high,
        "draws": [float(one) for one in each],
        "harmful_auc": float(np.mean([roc_auc(-one, effect < 0) for one, effect in pairs])),
        "lowest_fifth": float(np.mean(fifth)),
    }


def resampled(score: np.ndarray, effect: np.ndarray, copies: np.ndarray) -> np.ndarray:
    """Spearman's correlation in each resample of the groups, (replicates,); 0 where one side is constant."""
    left, right = (rankdata(side[copies], axis=1) for side in (score, effect))
    left, right = (side - side.mean(axis=1, keepdims=True) for side in (left, right))
    spread = np.sqrt((left**2).sum(axis=1) * (right**2).sum(axis=1))
    return (left * right).sum(axis=1) / np.maximum(spread, 1e-12)


def line(found: dict[str, Any]) -> str:
    """A correlation in words."""
    if found["spearman"] is None:
        return "all groups alike"
    return f"{found['spearman']:+.2f} [{found['low']:+.2f}, {found['high']:+.2f}], harmful {found['harmful_auc']:.2f}"
