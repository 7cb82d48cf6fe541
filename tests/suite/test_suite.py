"""Suites: what they may hold, and how a mistake is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from sie_agent.errors import InputError
from sie_agent.files.paths import suites_dir
from sie_agent.samples import LOGS, LogSettings
from sie_agent.suite import load_suite
from sie_agent.suite.parts import JudgePart
from sie_agent.suite.settings import dump_suite

SHIPPED = sorted(path.stem for path in suites_dir().glob("*.yaml"))


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_suites_load_by_name_and_come_back_the_same(name: str, tmp_path: Path) -> None:
    suite = load_suite(name)
    assert suite.name == name
    assert sum(suite.query_sets.values()) == pytest.approx(1)
    (tmp_path / "suite.yaml").write_text(dump_suite(suite))
    assert load_suite(tmp_path / "suite.yaml") == suite


@pytest.mark.parametrize("name", SHIPPED)
def test_no_shipped_suite_has_a_judge_for_its_headline_that_reads_grades(name: str) -> None:
    suite = load_suite(name)
    assert suite.primary.mode == "zero-shot"
    if suite.references:
        assert suite.evaluation.permutations * len(suite.draws) >= 20


MISTAKES: list[tuple[dict[str, Any], str]] = [
    ({"jugdes": []}, r"unknown key 'jugdes' \(did you mean 'judges'\?\)"),
    ({"target": {"epoch": 3}}, r"unknown key 'target.epoch' \(did you mean 'epochs'\?\)"),
    ({"target": {"epochs": "many"}}, r"target.epochs: expected a whole number"),
    ({"target": {"epochs": 0}}, r"target.epochs: expected a number of at least"),
    ({"log": {"kind": "purchases"}}, r"log.kind: no log 'purchases'; known: given, flips"),
    ({"log": {"rate": 1.8}}, r"log.rate: expected a number of at most"),
    ({"query_sets": {"log-judged": 0.5, "train": 0.5}}, r"no query set 'train'"),
    ({"judges": []}, r"`judges` is empty"),
    ({"judges": [{"name": "a", "kind": "random"}, {"name": "a", "kind": "lexical"}]}, "distinct names"),
    ({"judges": [{"name": "human-grade", "kind": "random"}]}, "'human-grade' is taken"),
    ({"judges": [{"name": "a", "kind": "simulated"}]}, "needs `auc`"),
    ({"judges": [{"name": "a", "kind": "lexical", "auc": 0.9}]}, "simulated judges only"),
    ({"judges": [{"name": "a", "kind": "gpt"}]}, r"judges.0.kind"),
    ({"judges": [{"name": "a", "kind": "lexical", "members": ["b"]}]}, "is for panels only"),
    ({"judges": [{"name": "p", "kind": "panel"}]}, "names the judges of a panel"),
    ({"judges": [{"name": "p", "kind": "panel", "members": ["strong"]}]}, "'strong', which is not a real judge"),
    (
        {
            "judges": [
                {"name": "lexical", "kind": "lexical"},
                {"name": "s", "kind": "simulated", "auc": 0.9},
                {"name": "p", "kind": "panel", "members": ["lexical", "s"]},
            ]
        },
        "'s', which is not a real judge",
    ),
    (
        {
            "judges": [
                {"name": "lexical", "kind": "lexical", "draws": 1},
                {"name": "p", "kind": "panel", "members": ["lexical"]},
            ]
        },
        "needs `draws` of at most 1",
    ),
    (
        {"judges": [{"name": "strong", "kind": "simulated", "auc": 0.9}, {"name": "random", "kind": "lexical"}]},
        "the name 'random' is for a judge of kind random, a baseline of every run",
    ),
    ({"judges": [{"name": "positions", "kind": "between"}]}, "the name 'positions' is for a judge of kind positions"),
    ({"judges": [{"name": "lexical", "kind": "random"}]}, "the name 'lexical' is for a judge of kind lexical"),
    (
        {"labels": {"scale": "joint"}, "downstream": {"draws": 0}, "target": {"loss": "pairwise"}},
        "proxies that give probabilities",
    ),
    ({"target": {"kind": "cross-encoder"}}, "'influence-linear-mean' needs a target of dense layers"),
    (
        {
            "target": {"kind": "cross-encoder"},
            "references": ["tracin-ranking"],
            "downstream": {"judges": ["strong"], "rankers": ["target", "linear"]},
        },
        "'linear' cannot read the tokens of a cross-encoder",
    ),
    (
        {"labels": {"curvature": "ekfac", "proxy": {"kind": "cross-encoder"}}},
        "needs proxies of dense layers",
    ),
    ({"target": {"kind": "forest"}}, "no target 'forest'; known: perceptron"),
    ({"target": {"loss": "listwise"}}, r"target.loss.*'pairwise'"),
    ({"headline_judge": "nobody"}, "headline_judge 'nobody' is none of strong, lexical, guess"),
    ({"references": ["trak"]}, "no reference 'trak'; known: tracin-ranking"),
    ({"references": ["el2n"]}, "headline_reference 'tracin-ranking' is not among"),
    ({"draws": []}, "one or more distinct seeds"),
    ({"draws": [1, 1]}, "one or more distinct seeds"),
    ({"downstream": {"judges": ["nobody"]}}, "downstream.judges names 'nobody'"),
    ({"downstream": {"rankers": ["mlp"]}}, "no ranker 'mlp'; known: target, linear, embeddings, lambdamart"),
    ({"downstream": {"rankers": ["linear", "linear"]}}, "one or more distinct rankers of target"),
    ({"downstream": {"rankers": []}}, "one or more distinct rankers of target"),
    ({"downstream": {"keep": [0.5, 1]}}, "downstream.keep.1: expected a number below 1, found 1"),
    ({"downstream": {"keep": [0]}}, "downstream.keep.0: expected a number above 0, found 0"),
    ({"downstream": {"keep": 0.5}}, "downstream.keep: expected a list"),
    ({"downstream": {"keep": [0.5, 0.5]}}, "downstream.keep: give distinct shares"),
    ({"downstream": {"strengths": [0.5]}}, "unknown key 'downstream.strengths'"),
    ({"downstream": {"folds": 1}}, "downstream.folds: expected a number of at least 2, found 1"),
    ({"downstream": {"judged": 0}}, "downstream.judged: expected a number above 0, found 0"),
    ({"recipe": {"tune": 1.0}}, "recipe.tune: expected a number below 1, found 1"),
    ({"recipe": {"share": 0.1}}, "unknown key 'recipe.share'"),
]


@pytest.mark.parametrize(("changes", "told"), MISTAKES, ids=[told[:30] for _, told in MISTAKES])
def test_a_mistake_names_file_and_key(workshop: Any, changes: dict[str, Any], told: str) -> None:
    path = workshop.suite(Path("pairs.csv"), **changes)
    with pytest.raises(InputError, match=told) as caught:
        load_suite(path)
    assert str(path) in str(caught.value) and caught.value.exit_code == 2 and "\n" not in str(caught.value)


def test_every_mistake_is_told_at_once(workshop: Any) -> None:
    path = workshop.suite(Path("pairs.csv"), jugdes=[], target={"epochs": 0})
    with pytest.raises(InputError, match=r"target\.epochs.*jugdes|jugdes.*target\.epochs"):
        load_suite(path)


def test_what_needs_no_judge_is_in_every_bench_once(workshop: Any) -> None:
    suite = load_suite(workshop.suite(Path("pairs.csv")))
    assert suite.judges_and_baseline == suite.judges
    tried = suite.bench_judges(positions=True)
    assert [judge.name for judge in tried] == ["strong", "guess", "lexical", "random", "positions"]
    # the suite's own settings of the judge count, whether it is named for the bench or not
    assert tried[2] == suite.judges[1] and not tried[2].by_rank
    assert [judge.name for judge in suite.bench_judges(positions=False)][-1] == "random"
    bare = load_suite(
        workshop.suite(Path("pairs.csv"), judges=[{"name": "guess", "kind": "random"}]), ["downstream={}"]
    )
    assert [judge.is_ranked for judge in bare.bench_judges(positions=True) if judge.name == "lexical"] == [True]


@pytest.mark.parametrize("kind", LOGS)
def test_every_simulated_log_can_be_asked_for(workshop: Any, kind: str) -> None:
    suite = load_suite(workshop.suite(Path("pairs.csv"), log={"kind": kind, "relevant_at": 0.6}))
    assert suite.log.simulation == LogSettings(kind, None, 0.6)


def test_a_given_log_is_not_simulated(workshop: Any) -> None:
    assert load_suite(workshop.suite(Path("pairs.csv"), log={"kind": "given"})).log.simulation is None


@pytest.mark.parametrize(
    ("content", "told"),
    [("name: [", "line 1.*not valid YAML|not valid YAML"), ("- a\n- b", "mapping of keys"), ("", "mapping of keys")],
)
def test_a_file_that_is_no_suite(tmp_path: Path, content: str, told: str) -> None:
    path = tmp_path / "suite.yaml"
    path.write_text(content)
    with pytest.raises(InputError, match=told):
        load_suite(path)
    path.write_bytes(b"\xff\xfe\x00name")
    with pytest.raises(InputError, match=r"is not UTF-8 but UTF-16"):
        load_suite(path)


def test_an_unknown_suite_lists_those_that_ship() -> None:
    with pytest.raises(InputError, match=r"no such suite.*quickstart"):
        load_suite("quikstart")


def test_overrides(workshop: Any) -> None:
    path = workshop.suite(Path("pairs.csv"))
    suite = load_suite(path, ["target.epochs=7", "draws=[4, 5]", "labels.pool_loss=mean", "scorer.trees=3"])
    assert (suite.target.epochs, suite.draws, suite.labels.pool_loss, suite.scorer.trees) == (7, (4, 5), "mean", 3)
    assert suite.target.hidden == 8
    assert yaml.safe_load(path.read_text())["target"]["epochs"] == 2


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("target.epochs", "not key=value"),
        ("=3", "not key=value"),
        ("draws=[1", "not a YAML value"),
        ("name.part=1", "has no keys below it"),
        ("target.epoch=3", "did you mean 'epochs'"),
    ],
)
def test_wrong_overrides(workshop: Any, override: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        load_suite(workshop.suite(Path("pairs.csv")), [override])


@pytest.mark.parametrize("sets", [{"log-judged": 0.5, "log-unseen": 0.2}, {"log-judged": 1.5, "log-unseen": -0.5}])
def test_shares_that_do_not_sum_to_one(workshop: Any, sets: dict[str, float]) -> None:
    from sie_agent.suite import run_suite

    with pytest.raises(InputError, match="query sets"):
        run_suite(workshop.suite(query_sets=sets), workshop.folder / "run", cache_path=workshop.cache)


def test_without_log_judged_queries_there_is_nothing_to_judge(workshop: Any) -> None:
    from sie_agent.suite import run_suite

    sets = {"log-unseen": 0.5, "reference-validation": 0.5}
    with pytest.raises(InputError, match="log-judged"):
        run_suite(workshop.suite(query_sets=sets), workshop.folder / "run", cache_path=workshop.cache)


@pytest.mark.slow
def test_a_run_without_log_unseen_queries_still_gives_labels_and_scores(workshop: Any) -> None:
    from sie_agent.suite import run_suite

    sets = {"log-judged": 0.6, "reference-validation": 0.2, "test": 0.2}
    summary = run_suite(workshop.suite(query_sets=sets, draws=[1]), workshop.folder / "run", cache_path=workshop.cache)
    assert summary["exit_code"] == 0
    assert (workshop.folder / "run" / "report.html").is_file()


def test_whose_scale_means_nothing_is_known_from_the_variant_as_in_distill() -> None:
    kinds = {"lexical": True, "embedding": True, "local": True, "openai": False, "random": False, "positions": True}
    assert {kind: JudgePart(name="one", kind=kind).is_ranked for kind in kinds} == kinds
    assert JudgePart(name="one", kind="local", variant="relevance/graded").is_ranked is False
    assert JudgePart(name="one", kind="lexical", by_rank=False).is_ranked is False


@pytest.mark.parametrize("name", ["", " ", "a ", "x" * 101])
def test_a_judge_has_a_name_that_can_be_told(name: str) -> None:
    with pytest.raises(ValueError):
        JudgePart(name=name, kind="random")
