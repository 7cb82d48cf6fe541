"""Weights and blended labels of the service: those of the recipe, and live ones that start from it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest
from starlette.testclient import TestClient

from sie_agent.errors import InputError
from sie_agent.labels import WEAK_LABELS, WeakLabel, label_names
from sie_agent.scorer import ScorerSession
from sie_agent.selection import Recipe, weigh_rows
from sie_agent.serving import LiveAdjustment, create_app, make_state
from sie_agent.serving.weighing import NO_OVERRIDE, RecipeOverride, recipe_of

from .conftest import RECIPE

Rows = list[dict[str, Any]]
Start = Callable[..., Any]


class Engine:
    """Scores that are known: the label itself, and for ``relevance`` the number of letters of the title."""

    def __init__(self, recipe: Recipe | None = None, labels: Iterable[str] = ("relevance", "value")) -> None:
        self.labels = tuple(labels)
        self.recipe = recipe
        self.config = {"score_quantiles": {name: [0.0, 0.5, 1.0] for name in self.labels}, "score_rows": 900}

    def score(self, query: list[str], title: list[str], description: list[str], label: list[float | None]) -> Any:
        said = np.array([0.5 if value is None else value for value in label])
        letters = np.array([len(text) / 10 for text in title])
        return {name: letters if name == "relevance" else said for name in self.labels}


OWN = replace(RECIPE, quantiles={"value": (0.0, 0.2, 1.0), "relevance": (0.0, 1.0)})


def mixed(rows: Rows) -> Rows:
    """Rows with a label of 0, 1, between them, and with none."""
    return [{**row, "label": (0.0, 1.0, 0.3, None)[place % 4]} for place, row in enumerate(rows)]


def expected_of(folder: Path, rows: Rows) -> tuple[list[float], list[float]]:
    """Weights and blended labels as the bulk verbs make them: the session's scores through its recipe."""
    session = ScorerSession(folder)
    assert session.recipe is not None
    columns = {name: [row[name] for row in rows] for name in ("query", "title", "description", "label")}
    scores = session.score(**columns)
    label = np.array([np.nan if said is None else said for said in columns["label"]])
    weights, targets = session.recipe.weights(scores, len(rows)), session.recipe.targets(scores, label)
    table = pd.DataFrame({"sample_id": [row["sample_id"] for row in rows], "label": label, **scores})
    told = weigh_rows(table, session.recipe)
    np.testing.assert_array_equal(told[["weight", "blended_label"]], np.column_stack([weights, targets]))
    return weights.tolist(), targets.tolist()


def served(client: httpx.Client, rows: Rows, at_once: int) -> tuple[list[float], list[float]]:
    """Weights and blended labels of the service."""
    found: Rows = []
    for start in range(0, len(rows), at_once):
        reply = client.post("/v1/score", json={"samples": rows[start : start + at_once]})
        assert reply.status_code == 200, reply.text
        found += reply.json()["scores"]
    return [row["weight"] for row in found], [row["blended_label"] for row in found]


def assert_same(found: tuple[list[float], list[float]], expected: tuple[list[float], list[float]]) -> None:
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(np.array(one, float), np.array(other, float), rtol=0, atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("adjust", [False, True])
def test_the_service_weighs_and_blends_as_the_bulk_verbs_do(
    launch: Start, rows: Rows, scorer_folder: Path, adjust: bool
) -> None:
    asked = mixed(rows[:300])
    expected = expected_of(scorer_folder, asked)
    assert len(set(expected[0])) > 20 and len(set(expected[1])) > 20
    with launch(scorer_folder, adjust=adjust).client() as client:
        # one at a time, few, many: the adjustment has ways of its own for each; it is fresh until 1,024 rows came
        assert_same(served(client, asked, 300), expected)
        assert_same(served(client, asked[:30], 1), tuple(part[:30] for part in expected))
        assert_same(served(client, asked[:30], 4), tuple(part[:30] for part in expected))
        lines = b"".join(json.dumps(row).encode() + b"\n" for row in asked)
        reply = client.post("/v1/score", content=lines, headers={"content-type": "application/x-ndjson"})
        told = [json.loads(line) for line in reply.text.splitlines()]
        assert_same(([row["weight"] for row in told], [row["blended_label"] for row in told]), expected)
        assert client.get("/v1/scorer").json()["recipe"] == RECIPE.words


@pytest.mark.slow
def test_the_blended_label_does_not_move_with_the_market(launch: Start, rows: Rows, scorer_folder: Path) -> None:
    # labels of 1 alone, and of those the rows that weigh least: another market than that of the log
    clicked = [{**row, "label": 1.0} for row in rows]
    lightest = np.argsort(expected_of(scorer_folder, clicked)[0], kind="stable")[:200]
    asked = [clicked[place] for place in lightest]
    before, targets = expected_of(scorer_folder, asked)
    with launch(scorer_folder, "--window", "512", adjust=True).client() as client:
        for _ in range(7):
            weights, found = served(client, asked, 200)
            np.testing.assert_allclose(found, targets, rtol=0, atol=1e-12)
    strayed, left = abs(np.mean(before) - 1), abs(np.mean(weights) - 1)
    assert strayed > 0.1 and left < strayed / 3, "weights follow the ranks among the latest rows"


@pytest.mark.slow
def test_a_reload_takes_the_other_recipe(launch: Start, rows: Rows, scorer_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "scorer"
    shutil.copytree(scorer_folder, folder)
    asked = mixed(rows[:60])
    config = json.loads((folder / "config.json").read_text())
    own = Recipe(**config["recipe"])
    by_hardness = replace(
        own, by="hardness", strength=0.8, blend=0.2, quantiles={**own.quantiles, **config["score_quantiles"]}
    )
    log = Recipe(mean_label=0.4, why="nothing better was shown")
    with launch(folder, adjust=True).client() as client:
        for recipe in (own, by_hardness, log, own):
            (folder / "config.json").write_text(json.dumps({**config, "recipe": asdict(recipe)}))
            assert client.post("/v1/reload").status_code == 200
            assert_same(served(client, asked, 60), expected_of(folder, asked))
            assert client.get("/v1/scorer").json()["recipe"] == recipe.words
        assert client.get("/v1/adjustment").json()["events"] == 60
        assert 'sie_faults_total{part="observer"} 0' in client.get("/metrics").text


@pytest.mark.slow
def test_the_recipe_of_the_log_leaves_weights_at_1_and_drift_is_watched(
    launch: Start, rows: Rows, plain_folder: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "scorer"
    shutil.copytree(plain_folder, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "recipe": asdict(Recipe(why="nothing was shown"))}))
    asked = mixed(rows[:400])
    with launch(folder, "--window", "512", adjust=True).client() as client:
        for _ in range(4):
            weights, targets = served(client, asked, 400)
        state = client.get("/v1/adjustment").json()
    assert weights == [1.0] * 400 and targets == [row["label"] for row in asked]
    assert state["events"] == 1_600 and state["labels"]["value"]["psi"] is not None


@pytest.mark.slow
def test_a_scorer_without_a_recipe_gives_weights_only_where_they_are_asked_for(
    launch: Start, rows: Rows, plain_folder: Path
) -> None:
    quantiles = json.loads((plain_folder / "config.json").read_text())["score_quantiles"]["hardness"]
    for adjust in (False, True):
        with launch(plain_folder, adjust=adjust).client() as client:
            reply = client.post("/v1/score", json={"samples": rows[:3]}).json()["scores"]
            assert set(reply[0]) == {"sample_id", *label_names()}
            assert client.get("/v1/scorer").json()["recipe"] is None
        with launch(plain_folder, "--weigh-by", "hardness", adjust=adjust).client() as client:
            reply = client.post("/v1/score", json={"samples": rows[:40]}).json()["scores"]
            assert set(reply[0]) == {"sample_id", *label_names(), "weight"}
        recipe = Recipe(by="hardness", strength=0.5, quantiles={"hardness": tuple(quantiles)})
        expected = recipe.weights({"hardness": np.array([row["hardness"] for row in reply])}, 40)
        np.testing.assert_allclose([row["weight"] for row in reply], expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("own", "override", "by", "strength"),
    [
        (OWN, NO_OVERRIDE, "value", 0.5),
        (OWN, RecipeOverride("relevance"), "relevance", 0.5),
        (replace(OWN, strength=0.8), RecipeOverride("relevance"), "relevance", 0.8),
        (OWN, RecipeOverride("auto", 0.2), "value", 0.2),
        (OWN, RecipeOverride("none"), None, 0.0),
        (Recipe(), NO_OVERRIDE, None, 0.0),
        (Recipe(), RecipeOverride("value"), "value", 0.5),
        (Recipe(), RecipeOverride("value", 0.9), "value", 0.9),
        (None, RecipeOverride("value"), "value", 0.5),
        (None, RecipeOverride("none"), None, 0.0),
    ],
)
def test_the_user_goes_before_the_recipe(
    own: Recipe | None, override: RecipeOverride, by: str | None, strength: float
) -> None:
    found = recipe_of(Engine(own), override)
    assert found is not None and (found.by, found.strength) == (by, strength)
    assert found.blend == (own.blend if own else 0)
    known = own.quantiles if own else {}
    assert by is None or found.quantiles[by] == known.get(by, (0, 0.5, 1))


def test_what_cannot_be_weighed_by_is_said() -> None:
    assert recipe_of(Engine(), NO_OVERRIDE) is None
    with pytest.raises(InputError, match=r"cannot weigh by 'fame'\. Choose one of relevance, value\."):
        recipe_of(Engine(), RecipeOverride("fame"))
    with pytest.raises(InputError, match=r"--strength.*no recipe\. Say also what to --weigh-by"):
        recipe_of(Engine(), RecipeOverride(strength=0.4))
    with pytest.raises(InputError, match="no column 'relevance'"):
        recipe_of(Engine(OWN, ("value",)), NO_OVERRIDE)
    dumb = Engine()
    dumb.config["score_quantiles"] = {}
    with pytest.raises(InputError, match="no baseline of 'value' to weigh by"):
        recipe_of(dumb, RecipeOverride("value"))


@pytest.mark.slow
@pytest.mark.parametrize("adjust", [False, True])
def test_a_weak_label_comes_into_the_service_by_its_line_in_the_registry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, adjust: bool
) -> None:
    novelty = WeakLabel(
        "novelty",
        lambda evidence: evidence.relevance,
        False,
        0.0,
        4.0,
        "Novelty",
        "how new the item is",
        "novelty: new",
    )
    monkeypatch.setitem(WEAK_LABELS, "novelty", novelty)
    (tmp_path / "config.json").write_text("{}")
    recipe = Recipe(by="novelty", strength=1.0, quantiles={"novelty": (0.0, 0.5, 1.0)})
    state = make_state(
        tmp_path,
        observer=(lambda engine: LiveAdjustment(getattr(engine, "config", {}))) if adjust else None,
        loader=lambda folder: Engine(recipe, ("relevance", "novelty")),
    )
    rows = [{"query": "q", "title": "abc", "label": 0.25}]
    with TestClient(create_app(state), base_url="http://localhost") as client:
        row = client.post("/v1/score", json={"samples": rows, "labels": ["novelty"]}).json()["scores"][0]
        assert row == {"sample_id": "1", "novelty": 0.25, "weight": 1.5, "blended_label": 0.25}
        described = client.get("/openapi.json").json()
        score = described["components"]["schemas"]["Score"]
        assert score["properties"]["novelty"]["description"] == "how new the item is."
        # a reload may bring the others
        assert {*label_names(), "weight", "blended_label"} < set(score["properties"])
        assert set(score["examples"][0]) == {"sample_id", "relevance", "novelty", "weight", "blended_label"}
        assert 0 <= score["examples"][0]["novelty"] <= 4
        wanted = described["components"]["schemas"]["ScoreRequest"]["properties"]["labels"]["anyOf"][0]["items"]
        assert wanted["enum"] == ["relevance", "novelty"]
        assert 'labels="relevance,novelty"' in client.get("/metrics").text
        if adjust:
            state_of = client.get("/v1/adjustment").json()
            answer = described["paths"]["/v1/adjustment"]["get"]["responses"]["200"]["content"]["application/json"]
            for found in (state_of, answer["example"]):
                assert list(found["labels"]) == ["relevance", "novelty"]
            assert 'label="novelty",quantile="0.5",source="baseline"} 0.5' in client.get("/metrics").text


@pytest.mark.slow
def test_without_a_recipe_the_description_promises_no_weight(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    state = make_state(tmp_path, loader=lambda folder: Engine())
    with TestClient(create_app(state), base_url="http://localhost") as client:
        schemas = client.get("/openapi.json").json()["components"]["schemas"]
    assert set(schemas["Score"]["examples"][0]) == {"sample_id", "relevance", "value"}
    assert schemas["Scorer"]["examples"][0]["recipe"] is None
