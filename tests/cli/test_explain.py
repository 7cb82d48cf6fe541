"""``sie explain``: rows of a log or a typed-in pair, for people, for programs and as a page; and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from sie_agent.labels import StudentSettings
from sie_agent.samples import load_samples
from sie_agent.scorer import Scorer, distill_scorer, load_scorer, save_scorer
from sie_agent.selection import Recipe

from .conftest import Ran, Sie, log_rows

HOSTILE = "Lamp\u202e [bold]red[/bold] <script>window.injected=1</script> {x}"


@pytest.fixture
def scorer(log: Path, tmp_path: Path) -> Path:
    """A scorer that learned from the small log; a good label is one whose item shares a word with the query."""
    samples = load_samples(log)
    shared = [
        len(set(query.split()) & set(title.lower().split())) > 0
        for query, title in zip(samples["query"], samples["title"], strict=True)
    ]
    support = 1 - (samples["label"] - pd.Series(shared, dtype=float)).abs()
    labels = samples[["sample_id"]].assign(support=support, value=2 * support - 1)
    settings = StudentSettings(trees=20, rows_per_leaf=3)
    save_scorer(distill_scorer(samples, labels, settings=settings), tmp_path / "distilled" / "scorer")
    return tmp_path / "distilled"


def loaded(folder: Path) -> Scorer:
    return load_scorer(folder / "scorer")


def refused(ran: Ran, *parts: str) -> None:
    assert ran.code == 2 and ran.out == "", ran.err
    assert len(ran.err.splitlines()) == 1
    for part in parts:
        assert part in ran.err


@pytest.mark.slow
def test_json_is_complete(sie: Sie, log: Path, scorer: Path) -> None:
    ran = sie(
        "explain", "--scorer", scorer, "--data", log, "--id", "s3", "--row", "2", "--top", "1", "--output", "json"
    )
    assert ran.code == 0, ran.err
    assert ran.json["by"] == "value" and ran.json["html"] is None
    first, second = ran.json["explanations"]
    assert (first["sample_id"], second["sample_id"]) == ("s3", "s1")
    samples = load_samples(log).set_index("sample_id", drop=False).loc[["s3", "s1"]]
    for one, score in zip((first, second), loaded(scorer).predict(samples)["value"], strict=True):
        assert one["score"] == pytest.approx(score, abs=1e-9)
        assert len(one["features"]) > 20 and one["rest"] == 0
        total = one["base"] + sum(feature["effect"] for feature in one["features"])
        assert total == pytest.approx(one["rank"], abs=1e-9)
        assert {word["field"] for word in one["words"]} == {"query", "title"}


def test_for_people(sie: Sie, log: Path, scorer: Path) -> None:
    ran = sie("explain", "--scorer", scorer / "scorer", "--data", log, "--id", "s0", "--by", "value", "--top", "2")
    assert ran.code == 0, ran.err
    lines = ran.out.splitlines()
    assert lines[0] == "row    s0" and lines[1].startswith("query  desk") and lines[2].startswith("title  Brass")
    assert "The scorer's value of this row is" in ran.out and "all other features" in ran.out
    assert "The log says 0. If it said 1, the value would be" in ran.out
    assert "\x1b" not in ran.out
    words = [line for line in lines if "(in the " in line]
    assert 0 < len(words) <= 2 and all(line.lstrip()[0] in "+−" for line in words)
    # without colours the effect stands behind the word
    assert words[0].split()[0] in f"{lines[1]} {lines[2]}"


def test_colours_on_a_terminal(sie: Sie, log: Path, scorer: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    lines = sie("explain", "--scorer", scorer, "--data", log, "--row", "1").out.splitlines()
    assert "\x1b[" in f"{lines[1]}{lines[2]}" and "(+" not in lines[1]
    assert not any("\x1b" in line for line in lines[3:])


def test_a_typed_in_pair(sie: Sie, scorer: Path) -> None:
    command = ("explain", "--scorer", scorer, "--query", "desk lamp", "--title", "Brass desk lamp", "--output", "json")
    (bare,) = sie(*command).json["explanations"]
    (labelled,) = sie(*command, "--label", "1", "--description", "A lamp").json["explanations"]
    assert bare["label"] is None and labelled["label"] == 1
    assert {word["field"] for word in labelled["words"]} == {"query", "title", "description"}
    row = {"sample_id": "typed", "query": "desk lamp", "title": "Brass desk lamp", "description": "", "label": None}
    expected = loaded(scorer).predict(pd.DataFrame([row]).astype({"label": float}))["value"].item()
    assert bare["score"] == pytest.approx(expected, abs=1e-9)


def test_the_page(sie: Sie, log: Path, scorer: Path, tmp_path: Path) -> None:
    ran = sie("explain", "--scorer", scorer, "--data", log, "--row", "1", "--row", "9", "--html", "why.html")
    assert ran.code == 0 and ran.out.splitlines()[-1] == "Page: why.html"
    page = (tmp_path / "why.html").read_text(encoding="utf-8")
    assert page.count("<section") == 2 and "Brass" in page and "http" not in page.replace("http-equiv", "")


def test_a_run_folder_brings_its_samples(sie: Sie, log: Path, scorer: Path) -> None:
    refused(sie("explain", "--scorer", scorer, "--id", "s1"), "--data", str(scorer))
    load_samples(log).assign(query_set="log-judged").to_parquet(scorer / "samples.parquet")
    assert sie("explain", "--scorer", scorer, "--id", "s1").out.startswith("row    s1\n")


def test_hostile_texts(sie: Sie, log: Path, scorer: Path, tmp_path: Path) -> None:
    nasty = [
        {**row, "sample_id": f"[bold]{row['sample_id']}[/bold]", "title": HOSTILE, "query": f"\x1b[31m {HOSTILE}"}
        for row in log_rows(3)
    ]
    (tmp_path / "nasty.jsonl").write_text("\n".join(map(json.dumps, nasty)), encoding="utf-8")
    ran = sie("explain", "--scorer", scorer, "--data", "nasty.jsonl", "--row", "1", "--html", "why.html")
    assert ran.code == 0, ran.err
    assert "\x1b" not in ran.out and "\u202e" not in ran.out and "[bold]red[/bold]" in ran.out
    assert ran.out.startswith("row    [bold]s0[/bold]\n")
    page = (tmp_path / "why.html").read_text(encoding="utf-8")
    assert "<script" not in page and "\u202e" not in page


def test_ids_and_rows_that_are_not_there(sie: Sie, log: Path, scorer: Path) -> None:
    command = ("explain", "--scorer", scorer, "--data", log)
    refused(sie(*command, "--id", "s790"), str(log), "'s790'", "s79", "sample_id")
    refused(sie(*command, "--id", "s1", "--id", "????"), "'????'", "--row")
    refused(sie(*command, "--row", "81"), "no row 81", "80 rows")
    refused(sie(*command, "--row", "0"), "--row", "from 1")


def test_other_bad_input(sie: Sie, log: Path, scorer: Path, tmp_path: Path) -> None:
    command = ("explain", "--scorer", scorer)
    refused(sie(*command), "no row is named", "--id")
    refused(sie(*command, "--data", log, "--row", "1", "--query", "x", "--title", "y"), "both")
    refused(sie(*command, "--query", "x"), "--title is missing")
    refused(sie(*command, "--query", " ", "--title", "y"), "the typed-in pair", "query")
    refused(sie(*command, "--query", "x", "--title", "y", "--label", "3"), "label", "0 to 1")
    refused(sie(*command, "--query", "x", "--title", "y", "--by", "hardness"), "--by", "value, support")
    refused(sie(*command, "--query", "x", "--title", "y", "--top", "0"), "--top")
    refused(sie(*command, "--query", "x", "--title", "y", "--html", "why.txt"), "why.txt", ".html")
    refused(sie("explain", "--scorer", "absent", "--query", "x", "--title", "y"), "absent", "sie distill")


def test_reading_stops_where_the_rows_are_found(
    sie: Sie, scorer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault that comes far behind the row is not met: the whole log is never read."""
    rows = [{"sample_id": f"r{n}", "query": "lamp", "item_id": "i", "title": "Lamp", "label": 1} for n in range(50_000)]
    rows[-1]["title"] = ""
    pd.DataFrame(rows).to_parquet(tmp_path / "long.parquet")
    assert sie("explain", "--scorer", scorer, "--data", "long.parquet", "--id", "r7").code == 0
    behind = sie("explain", "--scorer", scorer, "--data", "long.parquet", "--id", "r49998")
    assert behind.code == 0 and "1 of 50,000 rows" in behind.err


@pytest.mark.parametrize("options", [("--simulate", "clicks", "--seed", "3", "--limit", "60"), ("--simulate", "flips")])
def test_what_was_scored_on_a_simulated_log(
    sie: Sie, log: Path, scorer: Path, tmp_path: Path, options: tuple[str, ...]
) -> None:
    """A row has the label, and so the score, that `sie score` with the same options gave it."""
    named = ("--scorer", scorer, "--data", log, *options)
    assert sie("score", *named, "--out", "s.parquet").code == 0
    scores = pd.read_parquet(tmp_path / "s.parquet")
    rows = [option for number in range(1, len(scores) + 1, 7) for option in ("--row", str(number))]
    explained = sie("explain", *named, *rows, "--output", "json").json["explanations"]
    expected = scores.iloc[::7]
    assert [one["sample_id"] for one in explained] == expected["sample_id"].tolist()
    assert [one["label"] for one in explained] == expected["label"].tolist()
    assert [one["score"] for one in explained] == pytest.approx(expected["value"].tolist(), abs=1e-9)


def test_rows_beyond_the_limit(sie: Sie, log: Path, scorer: Path) -> None:
    refused(sie("explain", "--scorer", scorer, "--data", log, "--limit", "5", "--row", "6"), "no row 6", "5 rows")


def test_a_row_that_lacks_the_label(sie: Sie, scorer: Path, tmp_path: Path) -> None:
    rows = [{**row, "label": None if number == 2 else row["label"]} for number, row in enumerate(log_rows(5))]
    (tmp_path / "some.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    ran = sie("explain", "--scorer", scorer, "--data", "some.jsonl", "--row", "2", "--row", "3", "--output", "json")
    assert ran.code == 0, ran.err
    first, second = ran.json["explanations"]
    assert first["label"] == rows[1]["label"] and second["label"] is None


@pytest.mark.parametrize(
    ("names", "recipe", "expected"),
    [
        (["hardness", "value"], None, "value"),
        (["hardness", "value"], Recipe(by="hardness", strength=0.5), "hardness"),
        (["hardness", "value"], Recipe(), "value"),
        (["relevance", "hardness"], None, "hardness"),
        (["relevance"], None, "relevance"),
    ],
)
def test_what_is_explained_where_nobody_says(
    sie: Sie, log: Path, tmp_path: Path, names: list[str], recipe: Recipe | None, expected: str
) -> None:
    samples = load_samples(log)
    labels = samples[["sample_id"]].assign(**{name: samples["title"].str.len().astype(float) for name in names})
    small = StudentSettings(trees=3)
    save_scorer(distill_scorer(samples, labels, settings=small, recipe=recipe), tmp_path / "other")
    assert sie("explain", "--scorer", "other", "--data", log, "--row", "1", "--output", "json").json["by"] == expected
    refused(sie("explain", "--scorer", "other", "--data", log, "--row", "1", "--by", "support"), "no 'support'")
