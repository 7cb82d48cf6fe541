"""The sample that ships with the package is what its README says."""

from __future__ import annotations

import difflib
import itertools
import json
from collections import Counter, defaultdict
from collections.abc import Iterator

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.metrics import cohen_kappa_score

from sie_agent.samples import load_samples, sample_histories
from sie_agent.samples.log_source import QUICKSTART

PAIRS = [json.loads(line) for line in (QUICKSTART / "pairs.jsonl").read_text(encoding="utf-8").splitlines()]
KEYS = [
    "sample_id", "query", "item_id", "title", "description", "attributes", "intent", "language", "grade",
    "grade_pass_1", "grade_pass_2", "passes_disagree",
]  # fmt: skip


def per_query(field: str) -> Counter[str]:
    """How many queries have each value of a field that is the same for all rows of a query."""
    values: dict[str, set[str]] = defaultdict(set)
    for pair in PAIRS:
        values[pair["query"]].add(pair[field])
    assert all(len(found) == 1 for found in values.values())
    return Counter(value for found in values.values() for value in found)


def test_it_is_large_enough() -> None:
    assert len(PAIRS) >= 1_500
    assert len({pair["query"] for pair in PAIRS}) >= 150
    assert len({pair["attributes"]["department"] for pair in PAIRS}) >= 20
    assert all(list(pair) == KEYS for pair in PAIRS)
    assert len({pair["sample_id"] for pair in PAIRS}) == len(PAIRS)
    assert all(pair["title"].strip() for pair in PAIRS)
    assert sum(not pair["description"].strip() for pair in PAIRS) <= 0.12 * len(PAIRS)


def test_every_query_has_items_to_choose_between() -> None:
    grades = defaultdict(list)
    for pair in PAIRS:
        grades[pair["query"]].append(pair["grade"])
    assert all(len(found) >= 8 and len(set(found)) > 1 for found in grades.values())


def test_a_fifth_of_the_queries_is_vague_or_ambiguous_and_most_are_clear() -> None:
    intents = per_query("intent")
    assert set(intents) == {"clear", "vague", "ambiguous"}
    assert 0.2 <= 1 - intents["clear"] / intents.total() <= 0.3


def test_a_fifth_of_the_queries_is_german_the_rest_english() -> None:
    languages = per_query("language")
    assert set(languages) == {"en", "de"}
    assert 0.2 <= languages["de"] / languages.total() < 0.5


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
    apart = np.abs(passes[:, 0] - passes[:, 1])
    assert f"differ on {(apart > 0).sum()} of {len(PAIRS):,} pairs, never by\nmore than {apart.max()} grade" in text


def test_the_counts_are_what_the_readme_says() -> None:
    text = " ".join((QUICKSTART / "README.md").read_text(encoding="utf-8").split())
    intents, languages = per_query("intent"), per_query("language")
    departments = {pair["attributes"]["department"] for pair in PAIRS}
    empty = sum(not pair["description"] for pair in PAIRS) / len(PAIRS)
    for said in (
        f"{len(PAIRS):,} pairs of a query and an item, {languages.total()} queries "
        f"({languages['en']} English, {languages['de']} German), {len(departments)} departments",
        f"{intents['clear']} queries are clear, {intents['vague']} vague and {intents['ambiguous']} ambiguous",
        f"(empty in {empty:.0%} of the pairs)".replace("%", " %"),
        f"{languages.total()} queries tell little",
    ):
        assert said in text


def test_the_rows_of_a_query_are_not_ordered_by_grade() -> None:
    """Or every method that leaves ties as they are would look as if it knew the grade."""
    steps = [
        np.sign(later["grade"] - earlier["grade"])
        for earlier, later in itertools.pairwise(PAIRS)
        if earlier["query"] == later["query"]
    ]
    assert abs(np.mean(steps)) < 0.15


def shared_words(texts: list[str], more_than: float) -> Iterator[tuple[int, int, float]]:
    """Every two texts whose sets of words are alike by more than that (Jaccard index), with how much they are."""
    held = CountVectorizer(token_pattern=r"\w+", binary=True, dtype=np.int32).fit_transform(texts)
    common, sizes = (held @ held.T).tocoo(), held.getnnz(axis=1)
    alike = common.data / (sizes[common.row] + sizes[common.col] - common.data)
    told = (common.row < common.col) & (alike > more_than)
    yield from zip(common.row[told].tolist(), common.col[told].tolist(), alike[told].tolist(), strict=True)


@pytest.mark.parametrize(("field", "limit"), [("title", 0.5), ("description", 0.4)])
def test_no_two_texts_are_near_duplicates(field: str, limit: float) -> None:
    """Titles are short, and those of a query name the same thing, so they may share more of their words."""
    rows = [(pair["sample_id"], pair[field].lower()) for pair in PAIRS if pair[field]]
    matcher = difflib.SequenceMatcher(autojunk=False)
    for one, other, shared in shared_words([text for _, text in rows], more_than=0.15):
        (mine, text), (yours, another) = rows[one], rows[other]
        assert shared < limit, f"{mine} and {yours} share {shared:.0%} of their words"
        matcher.set_seqs(text, another)
        # both quick ratios are upper bounds of the slow one
        if matcher.real_quick_ratio() >= 0.75 and matcher.quick_ratio() >= 0.75:
            assert matcher.ratio() < 0.75, f"{mine} and {yours} are {matcher.ratio():.0%} alike"


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
    assert set(table["language"]) == {"en", "de"}
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
