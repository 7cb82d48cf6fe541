"""From a raw export to scores and weights: impressions of a search, events of a recommender, rows that are broken."""

from __future__ import annotations

import csv
import json
import random
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from ..samples.raw_logs import QUERIES, raw_log
from .conftest import Sie

PAGE = Path(__file__).parents[2] / "docs" / "start" / "your-own-log.md"
LEXICAL = ("--variant", "relevance/lexical", "--backend", "lexical")


def shopper_events(path: Path, *, titles: bool = True) -> Path:
    """A row for each event of forty shoppers."""
    draw = random.Random(5)
    rows = [
        (f"u{user}", f"i{item}", f"{('Lamp', 'Chair', 'Desk', 'Tent', 'Mug')[item % 5]} no. {item}", 1_700_000_000 + at)
        for user in range(40)
        for at, item in enumerate(draw.sample(range(30), draw.randint(1, 7)))
    ]
    draw.shuffle(rows)
    frame = pd.DataFrame(rows, columns=["visitorid", "itemid", "name", "timestamp"])
    (frame if titles else frame.drop(columns="name")).to_csv(path, index=False)
    return path


@pytest.mark.slow
def test_eight_thousand_impressions(tmp_path: Path, sie: Sie) -> None:
    raw = raw_log()
    raw.to_csv("raw-log.csv", index=False)
    ran = sie("init", "raw-log.csv")
    assert ran.code == 0 and "label" in ran.out and "Row 3:" in ran.out and "Not mapped: session" in ran.out
    data = ("--data", "raw-log.csv", "--map", "raw-log-map.yaml")

    ran = sie("label", *data, *LEXICAL, "--out", "judged", "--output", "json")
    assert ran.code == 0, ran.err
    named = raw[raw["name"] != ""]
    pairs = named.assign(query=named["search_phrase"].str.casefold().str.strip()).groupby(["query", "sku"], sort=False)
    counts = {name: ran.json[name] for name in ("rows", "pairs", "impressions", "queries", "ok")}
    of_pairs = pairs.ngroups
    assert counts == {
        "rows": of_pairs, "pairs": of_pairs, "impressions": 7_698, "queries": len(QUERIES), "ok": of_pairs,
    }  # fmt: skip
    assert json.loads(Path("judged/manifest.json").read_text())["counts"]["impressions"] == 7_698
    with Path("judged/invalid-rows.csv").open(encoding="utf-8", newline="") as stream:
        listed = list(csv.DictReader(stream))
    assert [int(row["row"]) for row in listed] == (raw.index[raw["name"] == ""] + 1).tolist()
    assert {row["problem"] for row in listed} == {"the title is empty"}

    assert sie("distill", "--judgments", "judged", *data, "--out", "scorer").code == 0
    ran = sie("score", "--scorer", "scorer", *data, "--workers", "1", "--out", "scores.parquet")
    assert ran.code == 0 and "302 of 8,000 rows cannot be used, listed in scores.invalid-rows.csv" in ran.err
    ran = sie("weights", "--scores", "scores.parquet", "--out", "weights.parquet")
    assert ran.code == 0 and "A row is a pair of query and item, which stands for" in ran.out
    scores, weights = pd.read_parquet("scores.parquet"), pd.read_parquet("weights.parquet")
    assert len(scores) == of_pairs and scores["impressions"].sum() == 7_698
    assert weights["impressions"].tolist() == scores["impressions"].tolist()
    # back to the raw rows, as the page does it: each that can be used has the weight of its pair
    keyed = re.search(r"^def keyed.*?\n\n", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert keyed is not None
    found: dict[str, Any] = {}
    exec(keyed.group(), found)  # the page's own lines
    table = scores[["sample_id", "query", "item_id"]].merge(weights, on="sample_id")
    table = found["keyed"](table)[["pair_query", "pair_item", "weight", "blended_label"]]
    back = found["keyed"](raw, "search_phrase", "sku").merge(
        table, on=["pair_query", "pair_item"], how="left", validate="many_to_one"
    )
    assert len(back) == len(raw) and back.loc[back["name"] != "", "weight"].notna().all()
    # the id is the number of the row of the pair's first impression that can be used
    worth = named[["clicked", "added_to_cart", "purchased"]].mul([0.3, 0.6, 1.0]).max(axis=1)
    first = pairs["ts"].idxmin()
    label = worth.groupby(pairs.ngroup()).mean()
    assert scores["sample_id"].tolist() == [str(row + 1) for row in first]
    assert scores["label"].to_numpy() == pytest.approx(label.to_numpy(), abs=1e-9)

    ran = sie("rank", "--scores", "scores.parquet", *data, "--by", "brand", "--by", "item", "--out", "groups.parquet")
    assert ran.code == 0, ran.err


@pytest.mark.slow
@pytest.mark.parametrize("titles", [True, False])
def test_the_events_of_a_recommender(tmp_path: Path, sie: Sie, titles: bool) -> None:
    shopper_events(tmp_path / "events.csv", titles=titles)
    ran = sie("init", "events.csv")
    assert ran.code == 0 and "recommender" in ran.out and ("no titles" in ran.out) is not titles
    data = ("--data", "events.csv", "--map", "events-map.yaml")
    assert sie("label", *data, *LEXICAL, "--out", "judged").code == 0
    assert sie("distill", "--judgments", "judged", *data, "--out", "scorer").code == 0
    assert sie("score", "--scorer", "scorer", *data, "--workers", "1", "--out", "scores.parquet").code == 0
    scores = pd.read_parquet("scores.parquet")
    events = pd.read_csv("events.csv")
    assert scores["label"].sum() == (events.groupby("visitorid").size() - 1).sum() == len(scores) / 2


@pytest.mark.slow
def test_lists_of_items_in_lines_of_json(tmp_path: Path, sie: Sie) -> None:
    draw = random.Random(1)
    rows = [{"customer": f"c{row}", "items": [f"i{item}" for item in draw.sample(range(20), 4)]} for row in range(40)]
    (tmp_path / "lists.jsonl").write_text("\n".join(map(json.dumps, rows)))
    pd.DataFrame({"item_id": [f"i{row}" for row in range(20)], "title": [f"Thing {row}" for row in range(20)]}).to_csv(
        tmp_path / "items.csv", index=False
    )
    assert sie("init", "lists.jsonl").code == 0
    content = yaml.safe_load(Path("lists-map.yaml").read_text())
    content["next_item"] |= {"items": "items.csv", "item_id": "item_id", "title": "title"}
    Path("mine.yaml").write_text(yaml.safe_dump(content))
    data = ("--data", "lists.jsonl", "--map", "mine.yaml")
    assert sie("label", *data, *LEXICAL, "--out", "judged").code == 0
    assert sie("distill", "--judgments", "judged", *data, "--out", "scorer").code == 0
    assert sie("score", "--scorer", "scorer", *data, "--workers", "1", "--out", "scores.parquet").code == 0
    queries = pd.read_parquet("scores.parquet")["query"]
    assert len(queries) == 80 and queries.str.fullmatch(r"Thing \d+; Thing \d+; Thing \d+").all()


def broken(count: int, faults: int) -> None:
    """A log in which the first rows have no title."""
    names = ["" if row < faults else f"Thing {row % 7}" for row in range(count)]
    graded = {"query": [f"thing {row % 9}" for row in range(count)], "item_id": [str(row % 7) for row in range(count)]}
    labels = {"label": [row % 2 for row in range(count)], "grade": [row % 3 / 2 for row in range(count)]}
    pd.DataFrame({**graded, "title": names, **labels}).to_csv("log.csv", index=False)


@pytest.mark.parametrize(
    ("faults", "options", "code", "says"),
    [
        (2, (), 0, "2 of 60 rows cannot be used, listed in"),
        (2, ("--strict",), 2, "row 1, field 'title': the title is empty"),
        (6, (), 2, "6 of 60 rows cannot be used"),
        (6, ("--skip-invalid",), 0, "6 of 60 rows cannot be used, listed in"),
        (6, ("--skip-invalid", "--strict"), 2, "exclude each other"),
    ],
)
@pytest.mark.parametrize("verb", ["label", "compare-prompts"])
def test_what_verbs_do_with_broken_rows(
    sie: Sie, verb: str, faults: int, options: tuple[str, ...], code: int, says: str
) -> None:
    broken(60, faults)
    if verb == "label":
        typed = ("label", "--data", "log.csv", *LEXICAL, "--out", "out", *options)
    else:
        bare = "about: x\naspect: relevance\nmethod: lexical\nuser: '{{ title }}'\n"
        Path("relevance").mkdir()
        Path("relevance/bare.yaml").write_text(bare)
        typed = ("compare-prompts", "--data", "log.csv", "--variants", "relevance/lexical", "relevance/bare.yaml",
                 "--backend", "lexical", "--out", "out", *options)  # fmt: skip
    ran = sie(*typed)
    if verb == "label":
        assert ran.code == code, ran.err
    assert says in ran.err
    assert Path("out/invalid-rows.csv").is_file() is ("cannot be used" in says)


@pytest.mark.slow
def test_attribute_leaves_broken_rows_out(sie: Sie) -> None:
    broken(60, 2)
    typed = ("attribute", "--data", "log.csv", "--reference", "el2n", "--seeds", "1", "--out", "reference.parquet")
    ran = sie(*typed)
    assert ran.code == 0 and "2 of 60 rows cannot be used, listed in reference.invalid-rows.csv" in ran.err
    assert sie(*typed, "--strict").code == 2


def test_a_dry_run_says_it_too_and_writes_nothing(sie: Sie, tmp_path: Path) -> None:
    broken(60, 2)
    ran = sie("label", "--data", "log.csv", *LEXICAL, "--dry-run")
    assert ran.code == 0 and "2 of 60 rows cannot be used, and are left out" in ran.err
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "cache") == ["log.csv"]


def test_repeated_rows_are_not_called_pairs(sie: Sie) -> None:
    broken(63, 0)
    pd.concat([pd.read_csv("log.csv")] * 2).to_csv("log.csv", index=False)
    ran = sie("label", "--data", "log.csv", *LEXICAL, "--out", "out")
    assert "63 pairs (126 rows) judged by lexical" in ran.out and "126 rows: 63 pairs of 9 queries" in ran.err


def test_an_incomplete_map_ends_with_three(sie: Sie) -> None:
    pd.DataFrame({"sku": ["a", "b"], "name": ["x", "y"], "clicked": [0, 1]}).to_csv("log.csv", index=False)
    ran = sie("init", "log.csv")
    assert ran.code == 3 and "TODO:       query" in ran.out
