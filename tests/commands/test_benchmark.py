"""A public set before a judge: which pairs, which figures, and what is said of files that are not those of the set."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import krippendorff
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr
from sklearn.metrics import accuracy_score, cohen_kappa_score, confusion_matrix, roc_auc_score

import sie_agent as sie
from sie_agent.commands.benchmark import lines
from sie_agent.commands.benchmarking import figures as benchmark_figures
from sie_agent.commands.benchmarking.figures import (
    BenchmarkPairs,
    confusion,
    figures,
    graded,
    random_figures,
    tuned_thresholds,
)
from sie_agent.commands.benchmarking.sets import WANDS, draw, short_of, split_of
from sie_agent.commands.log_rows import LogRows
from sie_agent.comparison.metrics import quadratic_kappa
from sie_agent.errors import EnvironmentFailure, InputError
from sie_agent.files.typed_json import read_model
from sie_agent.results import Benchmark
from sie_agent.samples import query_keys
from sie_agent.utils.arrays import Doubles

from ..judging.scripted_server import Reply, completion, scripted_server

LABELS = ("Irrelevant", "Partial", "Exact")
NOUNS = ("lamp", "chair", "rug", "desk", "mirror", "shelf")
WORDS = ("brass", "oak", "velvet", "red", "round", "tall", "glass", "folding")


@pytest.fixture(autouse=True)
def few_replicates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Intervals are measured where a test is about them."""
    monkeypatch.setattr(benchmark_figures, "REPLICATES", 40)
    monkeypatch.setattr(benchmark_figures, "RANDOM_JUDGES", 20)


def wands(folder: Path, rows: int = 900, *, shuffled: int | None = None, exact: int | None = None) -> Path:
    """A folder of the shape of WANDS, with invented products: tabs, inch marks, both line ends, no last line end.

    *shuffled*: the lines of all files in another order. *exact*: only so many pairs are exact.
    """
    chance = random.Random(4)
    queries = [f"{number}\t{word} {noun} {number % 7}\thome" for number, (word, noun) in enumerate(
        (word, noun) for word in WORDS for noun in NOUNS for _ in range(7)
    )]  # fmt: skip
    products = [
        f'{number}\t{chance.choice(WORDS)} {chance.choice(NOUNS)} 12"\tThings\tHome / Things\t'
        f'"""Solid"" &amp; <b>heavy</b>,\n5 foot 3"" tall"\tcolor:red|usb:no'
        for number in range(120)
    ]
    left, labels = exact, []
    for number in range(rows):
        query, product = chance.randrange(len(queries)), chance.randrange(len(products))
        shared = set(queries[query].split("\t")[1].split()) & set(products[product].split("\t")[1].split())
        label = LABELS[min(len(shared), 2) if chance.random() < 0.6 else chance.randrange(3)]
        if label == "Exact" and left is not None:
            label, left = ("Exact", left - 1) if left else ("Partial", 0)
        labels.append(f"{number}\t{query}\t{product}\t{label}")
    if shuffled is not None:
        order = random.Random(shuffled)
        for one in (queries, products, labels):
            order.shuffle(one)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "query.csv").write_bytes("\r\n".join(["query_id\tquery\tquery_class", *queries, ""]).encode())
    columns = "product_id\tproduct_name\tproduct_class\tcategory hierarchy\tproduct_description\tproduct_features"
    (folder / "product.csv").write_text("\n".join([columns, *products]))
    (folder / "label.csv").write_text("\n".join(["id\tquery_id\tproduct_id\tlabel", *labels, ""]))
    return folder


def run(folder: Path, out: str = "out", **more: Any) -> dict[str, Any]:
    """The verb with the judge that counts shared words."""
    given: dict[str, Any] = {"variant": "relevance/lexical", "judge": "lexical", "pairs": 60}
    return sie.benchmark("wands", folder, out, **(given | more))


def log_of(folder: Path, chunk_rows: int = 20_000) -> LogRows:
    return LogRows(folder, "wands", chunk_rows=chunk_rows)


# the draw


def test_the_draw_is_balanced_and_the_same_in_any_order_and_in_any_chunks(tmp_path: Path) -> None:
    drawn = draw(WANDS, log_of(wands(tmp_path / "a"), 64), 200)
    other = draw(WANDS, log_of(wands(tmp_path / "b", shuffled=1)), 200)
    pd.testing.assert_frame_equal(drawn, other)
    # what is left over goes to the highest labels
    assert drawn["level"].value_counts().to_dict() == {2: 67, 1: 67, 0: 66}
    assert set(drawn["grade"]) == {0.0, 0.5, 1.0} and drawn["sample_id"].is_unique


def test_the_draw_follows_the_stated_rule(tmp_path: Path) -> None:
    folder = wands(tmp_path, 300)
    rows = [line.split("\t") for line in (folder / "label.csv").read_text().splitlines()[1:]]
    wanted: set[str] = set()
    for label in LABELS:
        ids = [row[0] for row in rows if row[3] == label]
        wanted |= set(sorted(ids, key=lambda one: hashlib.sha256(f"0\0{one}".encode()).hexdigest())[:10])
    drawn = draw(WANDS, log_of(folder), 30)
    assert set(drawn["sample_id"]) == wanted
    # fewer pairs are a part of more
    assert set(draw(WANDS, log_of(folder), 12)["sample_id"]) < wanted


def test_a_label_short_by_the_pair_that_is_left_over_is_told() -> None:
    """500 pairs are 166 of the lowest label and 167 of each other."""
    drawn = pd.DataFrame({"level": [0] * 166 + [1] * 167 + [2] * 166})
    assert short_of(WANDS, drawn, 500) == ["Exact: 166 pairs there, 167 wanted"]


@pytest.mark.slow
def test_too_few_of_a_label_are_all_taken_and_told(tmp_path: Path) -> None:
    result = run(wands(tmp_path / "w", exact=7))
    assert result["split"]["levels"] == {"Irrelevant": 20, "Partial": 20, "Exact": 7}
    assert result["split"]["short_of"] == ["Exact: 7 pairs there, 20 wanted"]
    assert "  too few of Exact: 7 pairs there, 20 wanted" in list(lines(result))


def test_thresholds_are_tuned_on_other_queries(tmp_path: Path) -> None:
    split = split_of(WANDS, log_of(wands(tmp_path)), 90, 45)
    assert len(split.test) == 90 and split.tuning["level"].value_counts().to_dict() == {0: 15, 1: 15, 2: 15}
    assert not set(query_keys(split.test["query"])) & set(query_keys(split.tuning["query"]))
    assert split.as_csv().splitlines()[:2] == ["sample_id,used_for", f"{split.test['sample_id'][0]},test"]
    assert split.as_csv().count(",thresholds\n") == 45


def test_without_other_queries_thresholds_cannot_be_tuned(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"too few pairs are left to tune thresholds on: the \d+ queries of the test"):
        split_of(WANDS, log_of(wands(tmp_path)), 900, 45)


# the figures


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=40))
def test_kappa_is_that_of_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    human, said = np.array(pairs, np.intp).T
    found = quadratic_kappa(confusion(human, said, 4))
    if len(set(human) | set(said)) == 1:
        assert np.isnan(found)
    else:
        assert found == pytest.approx(cohen_kappa_score(human, said, weights="quadratic", labels=range(4)))


@pytest.mark.slow
def test_all_figures_are_those_of_other_libraries(tmp_path: Path) -> None:
    result = run(wands(tmp_path / "w"), pairs=150)
    labels = pd.read_csv("w/label.csv", sep="\t", dtype=str).set_index("id")
    judged = pd.read_parquet("out/judgments.parquet")
    human = labels.loc[judged["sample_id"], "label"].map(LABELS.index).to_numpy()
    said = np.select([judged["score"] >= 0.75, judged["score"] >= 0.25], [2, 1], 0)
    row = result["rows"][0]
    wanted = {
        "kappa": cohen_kappa_score(human, said, weights="quadratic"),
        "accuracy": accuracy_score(human, said),
        "alpha": krippendorff.alpha(np.stack([human, said]), level_of_measurement="ordinal", value_domain=[0, 1, 2]),
        "spearman": spearmanr(human, judged["score"]).statistic,
        "auc": roc_auc_score(human == 2, judged["score"]),
        "severe_errors": np.mean(abs(human - said) == 2),
    }
    for name, value in wanted.items():
        assert row[name]["value"] == pytest.approx(value), name
        assert row[name]["ci_low"] <= value <= row[name]["ci_high"], name
    assert row["confusion"] == confusion_matrix(human, said).tolist()
    # pairs of one query and different grades, counted one by one
    shares = []
    for rows in judged.groupby("query").indices.values():
        known = [(human[a] - human[b], judged["score"][a] - judged["score"][b]) for a in rows for b in rows]
        points = [(score > 0) + 0.5 * (score == 0) for grade, score in known if grade > 0]
        shares += [np.mean(points)] if points else []
    assert row["within_query_accuracy"]["value"] == pytest.approx(np.mean(shares))
    assert row["n_queries_within"] == len(shares) > 0
    assert read_model(Path("out/benchmark.json"), Benchmark).rows[0].kappa is not None


def pairs_of(rng: np.random.Generator, count: int = 300) -> tuple[BenchmarkPairs, Doubles]:
    """Pairs of 60 queries, and a judge whose errors are those of the query."""
    level = rng.integers(0, 3, count)
    query = rng.integers(0, 60, count)
    samples = pd.DataFrame({"query": [f"q{one}" for one in query], "grade": level / 2, "level": level})
    score = np.clip(level / 2 + rng.normal(0, 0.4, 60)[query], 0, 1)
    return graded(samples), score


def test_intervals_resample_queries_not_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same pairs three times over say no more than once."""
    monkeypatch.setattr(benchmark_figures, "REPLICATES", 200)
    pairs, score = pairs_of(np.random.default_rng(0))
    thrice = graded(pd.concat([pairs.samples] * 3, ignore_index=True))
    once, again = figures(score, WANDS.midpoints, pairs), figures(np.tile(score, 3), WANDS.midpoints, thrice)
    for name in ("kappa", "accuracy", "spearman", "severe_errors", "within_query_accuracy"):
        ends = [(found[name]["ci_low"], found[name]["ci_high"]) for found in (once, again)]
        assert ends[0] == pytest.approx(ends[1], abs=1e-9), name


def test_pairs_without_a_judgment_are_left_out_of_the_figures() -> None:
    pairs, score = pairs_of(np.random.default_rng(1))
    holes = np.where(np.arange(len(score)) % 3 == 0, np.nan, score)
    found = figures(holes, WANDS.midpoints, pairs)
    there = np.arange(len(score)) % 3 != 0
    assert found["n_judged"] == there.sum() == np.sum(found["confusion"])
    said = np.digitize(score[there], WANDS.midpoints)
    kappa = cohen_kappa_score(pairs.level[there], said, weights="quadratic")
    assert found["kappa"]["value"] == pytest.approx(kappa)


def test_tuned_thresholds_bring_back_a_scale_that_is_bent() -> None:
    rng = np.random.default_rng(2)
    level = rng.integers(0, 3, 400).astype(np.intp)
    bent = np.clip(0.8 + 0.05 * level + rng.normal(0, 0.01, 400), 0, 1)
    cuts = tuned_thresholds(np.append(bent, np.nan), np.append(level, 0), WANDS.midpoints)
    assert 0.81 < cuts[0] < 0.84 and 0.86 < cuts[1] < 0.89
    assert quadratic_kappa(confusion(level, np.digitize(bent, cuts).astype(np.intp), 3)) > 0.97
    # nothing is to be learned from one value
    assert tuned_thresholds(np.full(9, 0.5), level[:9], WANDS.midpoints).tolist() == [0.25, 0.75]


@pytest.mark.slow
def test_controls_know_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(benchmark_figures, "RANDOM_JUDGES", 400)
    pairs, _ = pairs_of(np.random.default_rng(3))
    found = random_figures(WANDS.midpoints, pairs)
    for name, wanted in {"kappa": 0, "accuracy": 1 / 3, "alpha": 0, "auc": 0.5, "within_query_accuracy": 0.5}.items():
        assert found[name]["value"] == pytest.approx(wanted, abs=0.015), name
        assert found[name]["ci_low"] < wanted < found[name]["ci_high"], name
    rows = {one["name"]: one for one in run(wands(tmp_path / "w"))["rows"]}
    assert rows["knowledge removed"]["auc"]["value"] == pytest.approx(0.5, abs=0.01)
    # the judge of this run is word overlap, which is a control as well
    assert rows["word overlap"]["kappa"] == rows["relevance/lexical by lexical"]["kappa"]
    assert "confusion" not in rows["random judges"]


# the verb


@pytest.mark.slow
def test_modes_and_published_figures_are_told(tmp_path: Path) -> None:
    folder = wands(tmp_path / "w")
    plain, tuned = run(folder), run(folder, "tuned", thresholds_from=30)
    assert plain["mode"] == "zero-shot" and plain["rows"][0]["thresholds"] == [0.25, 0.75]
    assert tuned["mode"] == "gold-calibrated (30 human grades)" and tuned["split"]["tuning_pairs"] == 30
    assert plain["split"]["sha256"] == tuned["split"]["sha256"]
    printed = "\n".join(lines(plain))
    for said in (
        "best hosted model",
        "0.705",
        "0.536",
        "not the same pairs",
        "60 pairs of",
        "random judges",
        "human \\",
    ):
        assert said in printed, said
    csv = Path("tuned/split.csv").read_text().splitlines()
    assert csv[0] == "sample_id,used_for" and len(csv) == 91


def esci(path: Path, **more: Any) -> Path:
    """A table of the shape of ESCI, with invented products."""
    count = 120
    rows = {
        **{"query": [f"{WORDS[one % 8]} {NOUNS[one % 6]}" for one in range(count)], "query_id": range(count)},
        **{
            "product_id": [f"B{one}" for one in range(count)],
            "product_title": [NOUNS[one % 5] for one in range(count)],
        },
        **dict.fromkeys(("product_description", "product_bullet_point", "product_brand", "product_color"), ""),
        **{"product_locale": "us", "split": [("test", "test", "train")[one % 3] for one in range(count)]},
    }
    pd.DataFrame(rows | more).to_parquet(path)
    return path


@pytest.mark.slow
def test_both_forms_of_esci_are_known_by_their_columns(tmp_path: Path) -> None:
    words = ("Irrelevant", "Complement", "Substitute", "Exact")
    named = esci(tmp_path / "a.parquet", esci_label=[words[one % 4] for one in range(120)])
    numbered = esci(tmp_path / "b.parquet", label=[one % 4 for one in range(120)], id=range(120))
    for path in (named, numbered):
        how: dict[str, Any] = {"variant": "relevance/lexical", "judge": "lexical", "pairs": 42}
        result = sie.benchmark("esci", path, path.stem, **how)
        # of the test split alone
        assert result["split"]["levels"] == {"Irrelevant": 10, "Complement": 10, "Substitute": 11, "Exact": 11}
        assert (
            result["split"]["part"] == "test" and not result["published"] and len(result["rows"][0]["confusion"]) == 4
        )
        ids = pd.read_csv(f"{path.stem}/split.csv", dtype=str)["sample_id"]
        rows = {int(one.split("-")[0]) for one in ids}
        assert all(row % 3 != 2 for row in rows)


def changed(file: str, old: str, new: str) -> Callable[[Path], Any]:
    """The folder with a text of one file changed."""
    return lambda folder: (folder / file).write_text((folder / file).read_text().replace(old, new, 1))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda folder: (folder / "label.csv").unlink(), r"label\.csv: there is no such file; WANDS .* query\.csv"),
        (
            changed("product.csv", "product_name", "name"),
            r"product\.csv: has no column 'product_name': expected product_id, product_name, .* found product_id, name",
        ),
        (changed("query.csv", "\tquery\t", ",query,"), r"query\.csv: has no column 'query_id', 'query': expected"),
        (
            changed("label.csv", "\tPartial", "\tPartly"),
            r"/w, row \d+, field 'label': unknown grade 'Partly'; known are: E",
        ),
    ],
)
def test_files_that_are_not_those_of_the_set(tmp_path: Path, change: Callable[[Path], Any], says: str) -> None:
    folder = wands(tmp_path / "w", 60)
    change(folder)
    with pytest.raises(InputError, match=says):
        run(folder, strict=True)
    assert not Path("out/benchmark.json").exists()


def test_what_is_not_the_set_at_all(tmp_path: Path) -> None:
    folder = wands(tmp_path / "repository" / "dataset", 60)
    with pytest.raises(InputError, match=r"Give .*repository/dataset\."):
        run(folder.parent)
    with pytest.raises(
        InputError, match=r"label\.csv.*WANDS \(Wayfair\) is a folder with label\.csv, query\.csv, prod"
    ):
        run(folder / "label.csv")
    with pytest.raises(InputError, match="there is no such file or folder"):
        run(tmp_path / "absent")
    with pytest.raises(InputError, match=r"there is no public set 'wand'.*Did you mean 'wands'"):
        sie.benchmark("wand", folder, "out", variant="relevance/lexical")
    with pytest.raises(InputError, match=r"has no column 'esci_label or label'"):
        sie.benchmark("esci", esci(tmp_path / "e.parquet"), "out", variant="relevance/lexical", judge="lexical")
    with pytest.raises(InputError, match="judges clarity, not relevance"):
        run(folder, variant="clarity/graded")
    with pytest.raises(InputError, match="cannot do"):
        run(folder, variant="relevance/graded")


# a server


def answer(body: dict[str, Any], number: int) -> Reply:
    """A grade from 0 to 3; an answer that is none to every eighth product."""
    text = body["messages"][-1]["content"]
    if "mirror" in text:
        return Reply(body=completion("I cannot say", top={"I": -0.01}))
    return Reply(body=completion("3" if "oak" in text else "1", top={"3" if "oak" in text else "1": -0.01}))


@pytest.mark.slow
def test_a_server_is_planned_asked_resumed_and_paid_for(tmp_path: Path) -> None:
    folder = wands(tmp_path / "w")
    with scripted_server(answer) as server:
        judge = sie.Judge("openai", model="m", base_url=server.url, price_input=10.0, price_output=10.0)
        how: dict[str, Any] = {"variant": "relevance/graded", "judge": judge}
        planned = run(folder, dry_run=True, **how)
        assert 50 < planned["to_ask"] <= 60 and planned["cost"] > 0 and not server.bodies and not Path("out").exists()
        assert "Nothing was asked." in list(lines(planned))
        stopped = run(folder, max_cost=0.05, **how)
        assert stopped["stopped"] == "cost" and stopped["exit_code"] == 3 and 0 < stopped["cost"] <= 0.05
        assert 0 < stopped["rows"][0]["n_judged"] < 60
        before = len(server.bodies)
        result = run(folder, **how)
        # what was answered is not asked again
        asked = sum("mirror" not in body["messages"][-1]["content"] for body in server.bodies[before:])
        assert asked < 60 - before / 2 and result["asked"] < 60
        assert 0 < result["unparsed_share"] < 0.5 and result["exit_code"] == 3
        assert result["rows"][0]["n_judged"] == round(60 * (1 - result["unparsed_share"]))
        assert result["tokens_per_pair"] >= 100 and result["latency_ms"]["median"] > 0
        sent = json.dumps(server.bodies)
        assert "Partial" not in sent and "Exact" not in sent and "mirror" in sent


@pytest.mark.slow
def test_where_no_pair_has_a_judgment_nothing_is_written(tmp_path: Path) -> None:
    with scripted_server(lambda body, number: Reply(body=completion("no", top={"no": -0.01}))) as server:
        judge = sie.Judge("openai", model="m", base_url=server.url)
        with pytest.raises(EnvironmentFailure, match="judged 0 of 60 pairs"):
            run(wands(tmp_path / "w"), variant="relevance/graded", judge=judge)
    assert not Path("out/benchmark.json").exists()
