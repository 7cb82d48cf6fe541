"""The sample that ships with the package is what its README says."""

from __future__ import annotations

import difflib
import itertools
import json
import re

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from sie_agent.samples import load_samples, sample_histories
from sie_agent.samples.loading import QUICKSTART

PAIRS = [json.loads(line) for line in (QUICKSTART / "pairs.jsonl").read_text(encoding="utf-8").splitlines()]
KEYS = [
    "sample_id", "query", "item_id", "title", "description", "attributes", "intent", "grade", "grade_pass_1",
    "grade_pass_2", "passes_disagree",
]  # fmt: skip


def test_it_is_large_enough() -> None:
    assert len(PAIRS) >= 400
    assert len({pair["query"] for pair in PAIRS}) >= 60
    assert len({pair["attributes"]["department"] for pair in PAIRS}) >= 8
    assert all(list(pair) == KEYS for pair in PAIRS)
    assert all(pair["description"].strip() for pair in PAIRS)


def test_a_quarter_of_the_queries_is_vague_or_ambiguous() -> None:
    intents: dict[str, set[str]] = {}
    for pair in PAIRS:
        intents.setdefault(pair["query"], set()).add(pair["intent"])
    assert all(len(found) == 1 and found <= {"clear", "vague", "ambiguous"} for found in intents.values())
    assert sum(found != {"clear"} for found in intents.values()) >= len(intents) / 4


def test_the_grade_is_that_of_both_passes_or_their_mean() -> None:
    for pair in PAIRS:
        first, second = pair["grade_pass_1"], pair["grade_pass_2"]
        assert {first, second} <= {0, 1, 2, 3}
        assert pair["grade"] == (first + second) / 2
        assert pair["passes_disagree"] == (first != second)


def test_agreement_between_the_passes_is_what_the_readme_says() -> None:
    passes = np.array([[pair["grade_pass_1"], pair["grade_pass_2"]] for pair in PAIRS])
    kappa = cohen_kappa_score(passes[:, 0], passes[:, 1], weights="quadratic")
    text = (QUICKSTART / "README.md").read_text(encoding="utf-8")
    assert f"kappa (quadratic weights) {kappa:.2f}" in text
    assert f"{(passes[:, 0] != passes[:, 1]).sum()} of {len(PAIRS)} pairs" in text


def test_the_rows_of_a_query_are_not_ordered_by_grade() -> None:
    """Or every method that leaves ties as they are would look as if it knew the grade."""
    steps = [
        np.sign(later["grade"] - earlier["grade"])
        for earlier, later in itertools.pairwise(PAIRS)
        if earlier["query"] == later["query"]
    ]
    assert abs(np.mean(steps)) < 0.15


def words(text: str) -> set[str]:
    return set(re.findall(r"[a-z0-9]+", text.lower()))


@pytest.mark.parametrize("field", ["title", "description"])
def test_no_two_texts_are_near_duplicates(field: str) -> None:
    texts = [(pair["sample_id"], pair[field], words(pair[field])) for pair in PAIRS]
    for (one, text, mine), (other, another, yours) in itertools.combinations(texts, 2):
        shared = len(mine & yours) / max(1, len(mine | yours))
        assert shared < 0.4, f"{one} and {other} share {shared:.0%} of their words"
        if shared > 0.15:
            ratio = difflib.SequenceMatcher(None, text.lower(), another.lower(), autojunk=False).ratio()
            assert ratio < 0.75, f"{one} and {other} are {ratio:.0%} alike"


def test_an_item_has_one_text() -> None:
    texts: dict[str, set[tuple[str, str]]] = {}
    for pair in PAIRS:
        texts.setdefault(pair["item_id"], set()).add((pair["title"], pair["description"]))
    assert all(len(found) == 1 for found in texts.values())


def test_it_loads_through_its_map() -> None:
    table = load_samples("sample")
    assert len(table) == len(PAIRS)
    assert table["grade"].tolist() == pytest.approx([pair["grade"] / 3 for pair in PAIRS])
    assert table["label"].isna().all()
    assert set(table["intent"]) == {"clear", "vague", "ambiguous"}
    assert json.loads(table["attributes"].iloc[0]) == PAIRS[0]["attributes"]


def test_twenty_shoppers_bought_items_that_exist() -> None:
    histories = sample_histories()
    items = {pair["item_id"] for pair in PAIRS}
    assert len(histories) >= 20
    assert histories["user_id"].is_unique
    for history in histories["history"]:
        assert len(history) >= 3
        assert len(set(history)) == len(history)
        assert set(history) <= items
