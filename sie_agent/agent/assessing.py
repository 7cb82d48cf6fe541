"""How sure a judge was of each pair, and which pairs are hard."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from sie_agent.agent.settings import SURE_ENOUGH, AgentSettings
from sie_agent.utils.arrays import Doubles


def uncertainty_of(judgment: Mapping[str, Any]) -> float:
    """How unsure one judgment is, 0 to 1.

    Entropy as a share of its largest possible value where there are probabilities; else how near the score is to the
    middle, ``1 - |2 score - 1|``; 1 where there is no judgment.
    """
    score, entropy, shares = judgment["score"], judgment["entropy"], judgment["probabilities"]
    if judgment["status"] != "ok" or not math.isfinite(score):
        return 1.0
    if isinstance(shares, str) and math.isfinite(entropy):
        levels = len(json.loads(shares))
        return min(max(float(entropy) / math.log(levels), 0.0), 1.0) if levels > 1 else 0.0
    return 1.0 - abs(2.0 * float(score) - 1.0)


def uncertainties(judged: pd.DataFrame, ids: pd.Series) -> Doubles:
    """How unsure the judges were of each pair, 0 to 1.

    Of one judge as :func:`uncertainty_of`; where several variants or models judged a pair, how far apart their scores
    are if that is more.

    Parameters
    ----------
    judged : judgments of relevance. ids : (n,) the sample_id of each pair.
    """
    told = [uncertainty_of(one) for one in records_of(judged)]
    own = pd.Series(told, judged["sample_id"].to_numpy(object), dtype=np.float64)
    scores = judged[judged["status"] == "ok"].groupby("sample_id", sort=False)["score"]
    apart = (scores.max() - scores.min()).reindex(ids.to_numpy(object)).fillna(0.0).to_numpy(np.float64)
    first = own[~own.index.duplicated()].reindex(ids.to_numpy(object)).fillna(1.0).to_numpy(np.float64)
    unsure: Doubles = np.maximum(first, apart)
    return unsure


def records_of(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a table, by the names of its columns."""
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def hard_places(unsure: Doubles, settings: AgentSettings) -> tuple[list[int], float]:
    """The places of the hard pairs, the least sure first, and the uncertainty at which a pair is settled."""
    order = np.argsort(-unsure, kind="stable")
    count = len(order)
    if settings.share is not None:
        count = math.ceil(settings.share * len(order))
    elif settings.budget is not None:
        count = min(settings.budget, len(order))
    elif settings.above_entropy is not None:
        count = int((unsure > settings.above_entropy).sum())
    left = unsure[order[count:]]
    settle = settings.settle
    if settle is None:
        settle = settings.above_entropy
    if settle is None:
        settle = float(left[0]) if len(left) else SURE_ENOUGH
    return [int(place) for place in order[:count]], settle
