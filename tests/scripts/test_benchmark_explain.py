"""The deletion test of explanations: what is taken out, and that a scorer of one word is found out."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from sie_agent.labels import StudentSettings
from sie_agent.scorer import distill_scorer
from sie_agent.scorer.explanation.explain import WordEffect

SCRIPTS = Path(__file__).parents[2] / "scripts"
FILLERS = ("vask", "olin", "pemb", "trin", "juf", "kolt", "zeb", "hask", "lum", "grue")


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(SCRIPTS.parent))
    for name in ("scripts.benchmarks.shared", "scripts.benchmarks.explain"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return importlib.import_module("scripts.benchmarks.explain")


def word(start: int, end: int) -> WordEffect:
    return WordEffect("title", "", start, end, 0.0, 0.0)


def test_words_are_taken_out_together(script: ModuleType) -> None:
    text = "brass desk lamp, small"
    assert script.text_without(text, [word(0, 5), word(11, 16)]) == "desk small"
    assert script.text_without(text, [word(17, 22)]) == "brass desk lamp,"
    assert script.text_without(text, []) == text


def test_named_words_carry_the_score_of_a_scorer_that_hangs_on_words(script: ModuleType) -> None:
    rng = np.random.default_rng(0)
    rows = []
    for number in range(240):
        others = rng.choice(FILLERS, 9, replace=False)
        wanted = number % 2 == 0
        title = " ".join(rng.permutation([*others, "wirt" if wanted else "selga"]))
        rows.append({"sample_id": f"s{number}", "query": "wirt", "title": title, "description": "", "label": 1.0})
    samples = pd.DataFrame(rows)
    support = [0.5 if " wirt " in f" {title} " else -0.5 for title in samples["title"]]
    labels = samples[["sample_id"]].assign(support=support)
    scorer = distill_scorer(samples, labels, settings=StudentSettings(trees=30, feature_share=1.0))
    good = samples[np.array(support) > 0].reset_index(drop=True)
    measured = script.measure_deletion(scorer, good, "support", 0)
    # three of eleven words drawn at random hit one of the two that count in half of the rows: then both fall alike
    assert measured["rows"] == 120 and 0.4 < measured["named_falls_further"] < 0.6
    assert measured["rank_falls_named"]["median"] > 0.3
