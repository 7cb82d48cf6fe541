"""What a person can give wrongly: exit code 2, one line that names the place and the hint, no traceback."""

from __future__ import annotations

import gzip
import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from sie_agent.labels import StudentSettings
from sie_agent.samples import load_samples
from sie_agent.scorer import distill_scorer, save_scorer

from .conftest import Sie, csv_text, log_rows

Prepare = Callable[[Path], None]
LABEL = ("label", "--variant", "relevance/lexical", "--backend", "lexical", "--out", "out")
COMPARE = (
    *("compare-prompts", "--data", "sample", "--limit", "20", "--backend", "lexical", "--out", "out"),
    *("--variants", "relevance/lexical", "--judge", "x=lexical", "--judge", "y=lexical"),
)
DISTILL = ("distill", "--judgments", "judgments.parquet", "--out", "out")
GRADED = "{query: query, item_id: item_id, title: title}"


@dataclass(frozen=True)
class Case:
    """One mistake: what lies in the folder, what is typed, what the message has to hold."""

    name: str
    typed: tuple[str, ...]
    says: tuple[str, ...]
    prepare: Prepare | None = None


def text(name: str, content: str | bytes) -> Prepare:
    """A file with this content."""
    return lambda folder: void((folder / name).write_bytes(content if isinstance(content, bytes) else content.encode()))


def void(_: object) -> None:
    """Throw a value away."""


def changed(row: int, **values: object) -> Prepare:
    """The small log as JSON lines, one row changed."""

    def write(folder: Path) -> None:
        rows = [dict(one) for one in log_rows(12)]
        rows[row].update(values)
        lines = [json.dumps({key: value for key, value in one.items() if value is not ...}) for one in rows]
        (folder / "log.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")

    return write


def truncated(name: str) -> Prepare:
    """A Parquet file that was cut off."""

    def write(folder: Path) -> None:
        pd.DataFrame(log_rows()).to_parquet(folder / name)
        whole = (folder / name).read_bytes()
        (folder / name).write_bytes(whole[: len(whole) // 2])

    return write


def newer_cache(folder: Path) -> None:
    """A judgment cache that a later version wrote."""
    (folder / "cache").mkdir()
    with sqlite3.connect(folder / "cache" / "judgments.sqlite") as connection:
        connection.execute("PRAGMA user_version = 99")
    changed(0)(folder)


def judged(**changes: object) -> Prepare:
    """The small log, and judgments of it with some columns changed."""

    def write(folder: Path) -> None:
        changed(0)(folder)
        frame = pd.DataFrame(log_rows(12))[["sample_id", "query", "item_id"]]
        frame = frame.assign(aspect="relevance", variant="relevance/lexical", model="m", score=0.5)
        frame = frame.assign(probabilities=None, entropy=None, status="ok", detail="", input_tokens=0)
        frame = frame.assign(output_tokens=0, cached=False, latency_ms=0.0)
        frame.assign(**changes).to_parquet(folder / "judgments.parquet")

    return write


def scores(folder: Path) -> None:
    """A scores file with one of the three columns."""
    pd.DataFrame({"sample_id": ["a", "b"], "support": [0.1, 0.2]}).to_parquet(folder / "scores.parquet")


def scorer(**config: Any) -> Prepare:
    """A scorer folder with this configuration."""

    def write(folder: Path) -> None:
        changed(0)(folder)
        (folder / "scorer").mkdir()
        (folder / "scorer" / "config.json").write_text(json.dumps(config), encoding="utf-8")

    return write


def whole_scorer(recipe: object) -> Prepare:
    """A scorer that works, but for its recipe."""

    def write(folder: Path) -> None:
        changed(0)(folder)
        samples = load_samples(folder / "log.jsonl")
        labels = samples[["sample_id"]].assign(support=samples["label"].astype(float))
        save_scorer(distill_scorer(samples, labels, settings=StudentSettings(trees=2)), folder / "scorer")
        config = json.loads((folder / "scorer" / "config.json").read_text(encoding="utf-8"))
        (folder / "scorer" / "config.json").write_text(json.dumps({**config, "recipe": recipe}), encoding="utf-8")

    return write


def suite(more: str = "", sets: str = "{log-judged: 0.6, log-unseen: 0.4}", judge: str = "lexical") -> Prepare:
    """A suite file, and the small log that it names."""
    head = f"name: s\ndata: {{source: log.jsonl}}\nquery_sets: {sets}\njudges: [{{name: j, kind: {judge}}}]\n"

    def write(folder: Path) -> None:
        changed(0)(folder)
        (folder / "suite.yaml").write_text(head + more, encoding="utf-8")

    return write


def variant(content: str) -> Prepare:
    """The small log, and a prompt variant of one's own."""

    def write(folder: Path) -> None:
        changed(0)(folder)
        (folder / "mine.yaml").write_text(content, encoding="utf-8")

    return write


PANEL = ("label", "--out", "out")
TWO = ("--judges", "a=lexical", "--judges", "b=lexical")
CALIBRATE = ("calibrate", "--judgments", "judgments.parquet", "--out", "c.json")
RUN = ("run", "suite.yaml", "--out", "out")
DATA = ("--data", "log.jsonl")
BENCHMARK = ("benchmark", "wands", ".", "--backend", "lexical", "--out", "o", "--variant", "relevance/lexical")
MINE = ("label", "--variant", "mine.yaml", "--backend", "openai", "--out", "out", *DATA)
IMPROVE = ("improve-prompt", "--out", "o", "--data", "log.csv", "--variant")
SELECT = ("select", "--scores", "scores.parquet", "--out", "kept.parquet")
WEIGHTS = ("weights", "--scores", "scores.parquet", "--out", "w.parquet")
BEHAVIOUR = ("behaviour", *DATA, "--out", "b.parquet")


def both(one: Prepare, other: Prepare) -> Prepare:
    """What both of them put into the folder."""
    return lambda folder: void((one(folder), other(folder)))


WHOLE = {
    "format": 3,
    "sha256": {"model.onnx": "0"},
    "about": {},
    "score_quantiles": {},
    "score_rows": 0,
    "labels": ["value"],
}
SCORE = ("score", "--scorer", "scorer", "--out", "s.parquet", *DATA)

CASES = (
    # the data
    Case("no such file", (*LABEL, "--data", "absent.csv"), ("absent.csv", "no such file")),
    Case("misspelt shorthand", (*LABEL, "--data", "sampel"), ("did you mean 'sample'",)),
    Case("unknown ending", (*LABEL, "--data", "log.xlsx"), ("log.xlsx", ".csv"), text("log.xlsx", "x")),
    Case("empty file", (*LABEL, "--data", "log.csv"), ("log.csv", "empty"), text("log.csv", "")),
    Case(
        "header alone", (*LABEL, "--data", "log.csv"), ("log.csv", "no rows"), text("log.csv", "query,item_id,title\n")
    ),
    Case(
        "missing column",
        (*LABEL, "--data", "log.csv"),
        ("log.csv", "'title' is missing", "column map"),
        text("log.csv", csv_text(log_rows(), without=("title",))),
    ),
    Case(
        "column twice",
        (*LABEL, "--data", "log.csv"),
        ("'query' occurs twice", "Rename"),
        text("log.csv", "query,query,item_id,title\na,a,1,t\n"),
    ),
    Case(
        "ragged row",
        (*LABEL, "--data", "log.csv"),
        ("log.csv, line 3", "4 fields"),
        text("log.csv", "query,item_id,title\na,1,t\nb,2,t,too many\n"),
    ),
    Case(
        "not UTF-8",
        (*LABEL, "--data", "log.csv"),
        ("log.csv, line 2", "UTF-8"),
        text("log.csv", b"query,item_id,title\ncaf\xe9,1,caf\xc3\xa9\n"),
    ),
    Case("broken JSON", (*LABEL, *DATA), ("log.jsonl, line 2", "JSON"), text("log.jsonl", '{"query": "a"}\n{"que\n')),
    Case("JSON but no object", (*LABEL, *DATA), ("log.jsonl, line 1", "object"), text("log.jsonl", "[1, 2]\n")),
    Case(
        "gzip cut off",
        (*LABEL, "--data", "log.csv.gz"),
        ("log.csv.gz", "gzip"),
        text("log.csv.gz", gzip.compress(csv_text(log_rows()).encode())[:60]),
    ),
    Case(
        "Parquet cut off", (*LABEL, "--data", "log.parquet"), ("log.parquet", "copy it anew"), truncated("log.parquet")
    ),
    Case("empty query", (*LABEL, *DATA), ("line 4", "'query'", "empty"), changed(3, query="  ")),
    Case("title of a megabyte", (*LABEL, *DATA), ("line 2", "'title'", "1,000,000"), changed(1, title="x" * 1_000_000)),
    Case("ids twice", (*LABEL, *DATA), ("line 3", "'sample_id'", "'s0'"), changed(2, sample_id="s0")),
    Case("label is a word", (*LABEL, *DATA), ("line 1", "'label'", "'often'"), changed(0, label="often")),
    Case("label out of range", (*LABEL, *DATA), ("line 6", "'label'", "1.5", "Scale"), changed(5, label=1.5)),
    Case("label missing in one row", (*LABEL, *DATA), ("line 6", "'label'", "missing"), changed(5, label=None)),
    Case("grade out of range", (*LABEL, *DATA), ("'grade'", "3"), changed(0, grade=3)),
    Case("position zero", (*LABEL, *DATA), ("line 8", "'position'", "from 1"), changed(7, position=0)),
    Case("attributes no JSON", (*LABEL, *DATA), ("'attributes'", "JSON"), changed(0, attributes="red, blue")),
    Case("history no list", (*LABEL, *DATA), ("'history'", "list"), changed(0, history='{"a": 1}')),
    Case("unknown split", (*LABEL, *DATA, "--split", "dev"), ("'dev'", "split"), changed(0)),
    Case("limit of zero", (*LABEL, *DATA, "--limit", "0"), ("--limit", "from 1"), changed(0)),
    # the column map
    Case("unknown map", (*LABEL, *DATA, "--map", "homdepot"), ("'homdepot'", "'homedepot'"), changed(0)),
    Case(
        "map with an unknown key",
        (*LABEL, "--data", "log.csv", "--map", "m.yaml"),
        ("m.yaml", "'colums'", "did you mean 'columns'"),
        lambda folder: (text("m.yaml", "colums: {query: q}")(folder), text("log.csv", csv_text(log_rows()))(folder))[0],
    ),
    Case(
        "map is not YAML",
        (*LABEL, "--data", "log.csv", "--map", "m.yaml"),
        ("m.yaml, line", "Mend"),
        lambda folder: (text("m.yaml", "columns: {query: [")(folder), text("log.csv", csv_text(log_rows()))(folder))[0],
    ),
    Case(
        "map names an absent column",
        (*LABEL, "--data", "log.csv", "--map", "m.yaml"),
        ("'search'", "absent", "columns.query"),
        lambda folder: (
            text("m.yaml", "columns: {query: search, item_id: item_id, title: title}")(folder),
            text("log.csv", csv_text(log_rows()))(folder),
        )[0],
    ),
    Case(
        "grade outside the map's scale",
        (*LABEL, "--data", "log.csv", "--map", "m.yaml"),
        ("row 2", "must be on its scale"),
        lambda folder: (
            text("m.yaml", f"columns: {GRADED}\ngrade: {{column: grade, minimum: 0, maximum: 0.1}}")(folder),
            text("log.csv", csv_text(log_rows()))(folder),
        )[0],
    ),
    # the judge
    Case("unknown backend", (*LABEL[:4], "llama", "--out", "out", *DATA), ("'llama'", "openai"), changed(0)),
    Case(
        "unknown variant",
        ("label", "--variant", "relevance/grated", "--out", "out", *DATA),
        ("'relevance/grated'", "relevance/graded"),
        changed(0),
    ),
    Case(
        "variant that the backend cannot do",
        ("label", "--variant", "relevance/graded", "--backend", "lexical", "--out", "out", *DATA),
        ("'graded'", "Use backend 'openai'"),
        changed(0),
    ),
    Case(
        "concurrency of zero", (*LABEL, *DATA, "--concurrency", "0"), ("--concurrency", "from 1 to 10000"), changed(0)
    ),
    Case(
        "no such model folder",
        ("label", "--variant", "relevance/query-likelihood", "--model", "./absent", "--out", "out", *DATA),
        ("absent", "no such model folder"),
        changed(0),
    ),
    Case(
        "address that is none",
        (*MINE[:2], "relevance/graded", *MINE[3:], "--base-url", "here"),
        ("address", "http://"),
        changed(0),
    ),
    Case(
        "variant with a bad template",
        MINE,
        ("mine.yaml", "template"),
        variant(
            "about: x\naspect: relevance\nmethod: graded\nscale: [{token: '0', value: 0, meaning: poor}, "
            "{token: '1', value: 1, meaning: good}]\nuser: '{{ query'\n"
        ),
    ),
    Case(
        "variant with an unknown key",
        MINE,
        ("mine.yaml", "unknown key 'scales'", "'scale'"),
        variant("about: x\naspect: relevance\nmethod: lexical\nscales: []\nuser: '{{ title }}'\n"),
    ),
    Case(
        "facets without a scale",
        MINE,
        ("mine.yaml", "facets, kind: scale: a graded variant needs at least two levels"),
        variant(
            "about: x\naspect: relevance\nmethod: facets\n"
            "facets: [{name: kind, question: a}, {name: use, question: b}]\n"
            "user: '<query>{{ query }}</query> <item>{{ title }}</item>'\n"
        ),
    ),
    Case(
        "prompt that is not there", ("prompts", "check", "relevance/grded"), ("'relevance/grded'", "relevance/graded")
    ),
    Case("prompt that is broken", ("prompts", "check", "mine.yaml"), ("mine.yaml", "YAML"), variant("about: [\n")),
    Case("prompt to compare with", ("prompts", "diff", "relevance/plain", "x.yaml"), ("x.yaml", "no such prompt")),
    Case("row beyond the log", ("prompts", "render", "relevance/plain", *DATA, "--row", "99"), ("row 99",), changed(0)),
    Case(
        "aspect that is none",
        ("prompts", "list", "--aspect", "beauty"),
        ("--aspect", "clarity, preference, profile, relevance"),
    ),
    Case("name that is none", ("prompts", "new", "a b", "--from", "relevance/plain"), ("'a b'", "letters")),
    Case("variant that is not YAML", MINE, ("mine.yaml, line", "YAML"), variant("about: [\n")),
    Case("cache of a newer version", (*LABEL, *DATA), ("newer version", "Upgrade"), newer_cache),
    Case("out is a file", (*LABEL[:-1], "log.jsonl", *DATA), ("log.jsonl", "is a file", "--out"), changed(0)),
    # panels and calibrations
    Case("one judge of a panel", (*PANEL, "--judges", "lexical", *DATA), ("--judges", "two judges"), changed(0)),
    Case("judges of one name", (*PANEL, "--judges", "lexical,lexical", *DATA), ("two judges are named",), changed(0)),
    Case("no such backend", (*PANEL, "--judges", "lexical,magic", *DATA), ("'magic'", "lexical"), changed(0)),
    Case("no such panel", (*PANEL, *TWO, "--panel", "vote", *DATA), ("'vote'", "mean-rank"), changed(0)),
    Case("a panel of nobody", (*LABEL, "--panel", "weighted", *DATA), ("--panel", "--judges"), changed(0)),
    Case("weights without grades", (*PANEL, *TWO, "--panel", "weighted", *DATA), ("grade",), changed(0)),
    Case("no calibration", (*LABEL, "--calibration", "c.json", *DATA), ("c.json", "sie calibrate"), changed(0)),
    Case(
        "calibration that is none",
        (*LABEL, "--calibration", "c.json", *DATA),
        ("c.json", "'variant'"),
        lambda folder: (changed(0)(folder), text("c.json", '{"method": "isotonic", "scores": [7]}')(folder))[0],
    ),
    Case("no such method", (*CALIBRATE, *DATA, "--method", "beta"), ("--method", "'beta'", "isotonic"), judged()),
    Case("a share without its method", (*CALIBRATE, *DATA, "--prior", "0.3"), ("--prior", "--method prior"), judged()),
    Case("grades that are none", (*CALIBRATE, *DATA), ("grade",), judged()),
    Case("unknown mode", (*DISTILL, *DATA), ("'mode'", "'magic'"), judged(mode="magic")),
    # distill, score, select, weights, attribute
    Case("no judgments", (*DISTILL, *DATA), ("judgments.parquet", "no such file"), changed(0)),
    Case("no label", (*DISTILL, "--data", "sample"), ("'label'", "--simulate"), judged()),
    Case("unknown simulation", (*DISTILL, *DATA, "--simulate", "buys"), ("'buys'", "clicks"), judged()),
    Case(
        "judgments of two models", (*DISTILL, *DATA), ("several models", "--model: a, b"), judged(model=["a", "b"] * 6)
    ),
    Case("judgments of another model", (*DISTILL, *DATA, "--model", "z"), ("'z'", "--model"), judged()),
    Case("judgments of other data", (*DISTILL, *DATA), ("'s0'", "were labelled"), judged(query="another")),
    Case("scores that are none", (*DISTILL, *DATA), ("'score'", "must be between 0 and 1"), judged(score=7.0)),
    Case("nothing was judged", (*DISTILL, *DATA), ("0 of the 12", "label more"), judged(score=float("nan"))),
    Case("judgments of nobody", (*DISTILL, *DATA), ("judgments.parquet, row 1, field 'model'",), judged(model=None)),
    Case(
        "variant that is a number", (*DISTILL, *DATA), ("judgments.parquet, row 1, field 'variant'",), judged(variant=3)
    ),
    Case("scores that are text", (*DISTILL, *DATA), ("judgments.parquet, field 'score'",), judged(score="high")),
    Case("panel of one", (*DISTILL, *DATA, "--model", "m", "--model", "m"), ("--model", "'m'", "once"), judged()),
    Case("grades that are a folder", (*DISTILL, *DATA, "--grades", "."), ("is a folder", "file of grades"), judged()),
    Case(
        "log without a column",
        (*LABEL, "--data", "log.csv"),
        (
            "'item_id' is missing. The columns there are: query, title. ",
            "`sie init log.csv` writes a column map; pass it with --map. Or rename a column to 'item_id'.\n",
        ),
        text("log.csv", "query,title\nlamp,A lamp\n"),
    ),
    Case(
        "unknown inputs", (*DISTILL, *DATA, "--inputs", "text,clicks"), ("--inputs", "'clicks'", "behaviour"), judged()
    ),
    Case("inputs without text", (*DISTILL, *DATA, "--inputs", "embedding"), ("--inputs", "its text"), judged()),
    Case(
        "inputs of a suite",
        (*DISTILL, *DATA, "--set", "scorer.inputs=[clicks]"),
        ("scorer.inputs", "'clicks'"),
        judged(),
    ),
    Case(
        "inputs of a target that reads none",
        (*DISTILL, *DATA, "--set", "target.kind=two-tower", "--set", "target.inputs=[text, behaviour]"),
        ("two-tower", "inputs"),
        judged(),
    ),
    Case(
        "behaviour that is not there",
        (*DISTILL, *DATA, "--inputs", "text,behaviour"),
        ("shopper_*", "behaviour"),
        judged(),
    ),
    Case(
        "no such encoder", (*DISTILL, *DATA, "--inputs", "text,embedding:./none"), ("no such model folder",), judged()
    ),
    Case("no proxies", (*DISTILL, *DATA, "--set", "labels.proxies=0"), ("--set", "labels.proxies", "1"), judged()),
    Case(
        "unknown setting",
        (*DISTILL, *DATA, "--set", "labels.proxy_count=3"),
        ("--set", "unknown key 'labels.proxy_count'", "'proxy'"),
        judged(),
    ),
    Case("setting of a run", (*DISTILL, *DATA, "--set", "draws=[1]"), ("unknown key 'draws'", "recipe"), judged()),
    Case("setting without a value to distill by", (*DISTILL, *DATA, "--set", "labels"), ("key=value",), judged()),
    Case("setting below a number", (*DISTILL, *DATA, "--set", "labels.proxies.few=1"), ("labels.proxies",), judged()),
    Case("settings of no suite", (*DISTILL, *DATA, "--suite", "quikstart"), ("quikstart", "quickstart"), judged()),
    Case(
        "joint scale of pairwise proxies",
        (*DISTILL, *DATA, "--set", "labels.scale=joint", "--set", "target.loss=pairwise"),
        ("labels.scale", "matched"),
        judged(),
    ),
    Case("no scorer", SCORE, ("scorer", "sie distill"), changed(0)),
    Case("damaged scorer", SCORE, ("config.json", "again"), scorer(format="x")),
    Case("scorer of an older format", SCORE, ("older format", "Distill it again"), scorer(format=1)),
    Case("scorer with support of another kind", SCORE, ("older format", "Distill it again"), scorer(format=2)),
    Case("scorer of a newer format", SCORE, ("newer format", "Upgrade"), scorer(format=99)),
    Case(
        "part of the scorer is gone",
        SCORE,
        ("model.onnx", "again"),
        scorer(**WHOLE),
    ),
    Case(
        "damaged recipe",
        SCORE,
        ("config.json", "recipe is damaged", "sie distill"),
        whole_scorer({"blend": 3}),
    ),
    Case("share above one", (*SELECT, "--keep", "1.5"), ("1.5", "at most 1"), scores),
    Case("unknown weak label", (*SELECT, "--keep", "0.5", "--by", "worth"), ("'worth'", "support"), scores),
    Case(
        "weak label that is not there",
        (*SELECT, "--keep", "0.5", "--by", "value"),
        ("scores.parquet", "'value'"),
        scores,
    ),
    Case("scores cut off", (*SELECT, "--keep", "0.5"), ("scores.parquet", "anew"), truncated("scores.parquet")),
    Case(
        "file to write is not a Parquet", (*SELECT[:-1], "kept.csv", "--keep", "0.5"), ("kept.csv", ".parquet"), scores
    ),
    Case("negative strength", (*WEIGHTS, "--by", "support", "--strength", "-1"), ("-1", "0 or more"), scores),
    Case("blend above one", (*WEIGHTS, "--by", "none", "--blend", "1.5"), ("--blend", "from 0 to 1"), scores),
    Case("no such events", (*BEHAVIOUR, "--events", "clicks.csv"), ("clicks.csv", "no such file"), changed(0)),
    Case(
        "events without a time",
        (*BEHAVIOUR, "--events", "events.csv"),
        ("events.csv", "'time'", "user_id, item_id, event"),
        both(changed(0, timestamp="2026-01-01", user_id="u"), text("events.csv", "user_id,item_id,event\nu,i,view\n")),
    ),
    Case(
        "a time that is none",
        (*BEHAVIOUR, "--events", "events.csv", "--strict"),
        ("events.csv, row 2, field 'time'", "'noon'"),
        both(changed(0), text("events.csv", "user_id,item_id,time\nu,i,2026-01-01\nu,i,noon\n")),
    ),
    Case(
        "rows without shoppers",
        (*BEHAVIOUR, "--events", "events.csv"),
        ("'user_id' and 'timestamp'", "no row has both"),
        both(changed(0), text("events.csv", "user_id,item_id,time\nu,i,2026-01-01\n")),
    ),
    Case(
        "unknown key in a map of events",
        (*BEHAVIOUR, "--events", "log.jsonl", "--events-map", "map.yaml"),
        ("map.yaml", "tiem"),
        both(changed(0), text("map.yaml", "tiem: t\n")),
    ),
    Case(
        "catalogue without items",
        (*BEHAVIOUR, "--catalogue", "items.csv"),
        ("items.csv", "no column 'item_id'"),
        both(changed(0), text("items.csv", "sku,brand\ni,Acme\n")),
    ),
    Case(
        "catalogue without titles",
        (*LABEL[:2], "preference/words", *LABEL[3:], *DATA, "--catalogue", "items.csv"),
        ("items.csv", "no column 'title'"),
        both(changed(0), text("items.csv", "item_id,brand\ni,Acme\n")),
    ),
    Case(
        "behaviour feature that is no number",
        (*LABEL, *DATA, "--strict"),
        ("log.jsonl, line 2, field 'shopper_events'", "'often'"),
        changed(1, shopper_events="often"),
    ),
    Case("preference above one", (*WEIGHTS, "--preference", "1.5"), ("--preference", "from 0 to 1"), scores),
    Case("nothing of shoppers", (*WEIGHTS, "--preference", "0.3"), ("preference_support", "preference/NAME"), scores),
    Case(
        "recipe for shoppers without their preference",
        (*DISTILL, *DATA, "--set", "recipe.preference=0.3"),
        ("no judgment of preference", "preference/NAME"),
        judged(),
    ),
    Case("scores without a recipe", WEIGHTS, ("no recipe", "--by value"), scores),
    Case(
        "unknown reference",
        ("attribute", *DATA, "--out", "r.parquet", "--reference", "shapley"),
        ("'shapley'", "tracin-mean"),
        changed(0),
    ),
    Case(
        "share of two",
        ("attribute", *DATA, "--out", "r.parquet", "--validation", "2"),
        ("--validation", "2"),
        changed(0),
    ),
    Case(
        "no grade",
        ("attribute", "--data", "log.csv", "--out", "r.parquet"),
        ("'grade'", "no row has a grade"),
        text("log.csv", csv_text(log_rows(), without=("grade",))),
    ),
    # suites and runs
    Case("unknown suite", ("run", "quikstart", "--out", "out"), ("quikstart", "quickstart")),
    Case("suite that is not YAML", RUN, ("suite.yaml, line", "YAML"), text("suite.yaml", "name: [\n")),
    Case("suite that is a list", RUN, ("suite.yaml", "mapping", "sie init"), text("suite.yaml", "- a\n")),
    Case("unknown suite key", RUN, ("suite.yaml", "'lables'", "did you mean 'labels'"), suite("lables: {}\n")),
    Case("value of the wrong type", RUN, ("suite.yaml", "draws"), suite("draws: often\n")),
    Case("unknown log", RUN, ("suite.yaml", "no log 'buys'", "ranked-clicks"), suite("log: {kind: buys}\n")),
    Case("flips at more than one", RUN, ("log.rate", "1"), suite("log: {kind: flips, rate: 1.2}\n")),
    Case(
        "figures that were there before",
        RUN,
        ("unknown key 'downstream.strengths'",),
        suite("downstream: {strengths: [0.5]}\n"),
    ),
    Case(
        "share of the rows above one",
        RUN,
        ("suite.yaml", "downstream.keep.0", "a number below 1"),
        suite("downstream: {keep: [1.5]}\n"),
    ),
    Case("unknown kind of judge", RUN, ("judges.0.kind", "lexical"), suite(judge="oracle")),
    Case("shares above one", RUN, ("sum to 1",), suite(sets="{log-judged: 0.9, log-unseen: 0.4}")),
    Case("unknown query set", RUN, ("'train'", "log-judged"), suite(sets="{train: 1.0}")),
    Case("setting without a value", (*RUN, "--set", "draws"), ("--set", "key=value"), suite()),
    Case("setting that is not known", (*RUN, "--set", "target.epoch=3"), ("'target.epoch'", "'epochs'"), suite()),
    Case("no run to evaluate", ("evaluate", "."), ("no run in this folder", "sie run")),
    # prompts and init
    Case(
        "one variant to compare",
        (
            "compare-prompts",
            "--data",
            "sample",
            "--backend",
            "lexical",
            "--variants",
            "relevance/lexical",
            "--out",
            "o",
        ),
        ("--variants", "two or more"),
    ),
    Case(
        "clarity to improve",
        (*IMPROVE, "clarity/graded"),
        ("--variant", "judges clarity", "graded, written, likelihood"),
    ),
    Case("several questions to improve", (*IMPROVE, "relevance/facets"), ("--variant", "judges relevance by facets")),
    Case(
        "no folder to improve into",
        ("improve-prompt", "--data", "log.csv", "--variant", "relevance/query-likelihood"),
        ("--out", "--dry-run"),
    ),
    Case(
        "no model to reflect with",
        (*IMPROVE, "relevance/query-likelihood", "--reflect-with", "big"),
        ("--reflect-with", "name=backend", "found 'big'", "or none"),
    ),
    Case(
        "a judge that cannot reflect",
        (*IMPROVE, "relevance/query-likelihood", "--reflect-with", "small=lexical"),
        ("--reflect-with", "'lexical' is no chat server"),
    ),
    Case(
        "too few graded queries to improve",
        (*IMPROVE, "relevance/query-likelihood", "--backend", "local"),
        ("field 'grade'", "queries have pairs of different grades, and 15 are needed"),
        text("log.csv", csv_text(log_rows())),
    ),
    Case("unknown public set", (*BENCHMARK[:1], "wnads", *BENCHMARK[2:]), ("'wnads'", "Did you mean 'wands'")),
    Case("folder without the set's files", BENCHMARK, ("label.csv", "no such file", "query.csv, product.csv")),
    Case(
        "public set with another column",
        BENCHMARK,
        ("label.csv", "no column 'label'", "expected id, query_id, product_id, label", "found id, query_id"),
        text("label.csv", "id\tquery_id\tproduct_id\tgrade\n"),
    ),
    Case(
        "a file in the place of the set's folder",
        (*BENCHMARK[:2], "log.csv", *BENCHMARK[3:]),
        ("log.csv", "is a folder with"),
        text("log.csv", csv_text(log_rows())),
    ),
    Case(
        "table that is not ESCI",
        (BENCHMARK[0], "esci", "log.csv", *BENCHMARK[3:]),
        ("log.csv", "esci_label or label", "found"),
        text("log.csv", csv_text(log_rows(), without=("label",))),
    ),
    Case(
        "clarity for a benchmark",
        (*BENCHMARK, "--variant", "clarity/graded"),
        ("--variant", "judges clarity"),
    ),
    Case("metric that does not decide", (*COMPARE, "--decide-by", "luck"), ("--decide-by", "within", "'luck'")),
    Case("judge without a backend", (*COMPARE, "--judge", "big"), ("--judge", "name=backend", "'big'")),
    Case("judge of an unknown key", (*COMPARE, "--judge", "a=openai,m,key=x"), ("--judge", "'key=x'", "base_url")),
    Case("end that is none", (*COMPARE, "--until", "noon"), ("--until", "decided", "'noon'")),
    Case("pairs to grade without a sheet", (*COMPARE, "--grade-next", "5"), ("--grade-next", "--out-sheet")),
    Case(
        "sheet that is none",
        (*COMPARE, "--grades", "sheet.csv"),
        ("sheet.csv", "sampling_probability"),
        text("sheet.csv", "sample_id,grade\na,1\n"),
    ),
    Case(
        "grade that is none",
        (*COMPARE, "--grades", "sheet.csv"),
        ("sheet.csv", "row 1", "'grade'", "0 to 1"),
        text("sheet.csv", "sample_id,grade,sampling_probability\na,7,1\n"),
    ),
    Case(
        "graded pair of other data",
        (*COMPARE, "--grades", "sheet.csv"),
        ("sheet.csv", "row 1", "'sample_id'", "no pair of the data"),
        text("sheet.csv", "sample_id,grade,sampling_probability\nnowhere,1,1\n"),
    ),
    Case(
        "no rows to guess from",
        ("init", "log.csv"),
        ("log.csv", "no rows"),
        text("log.csv", "a,b\n"),
    ),
    Case(
        "file that is there already",
        ("init", "log.csv"),
        ("log-suite.yaml", "--force"),
        lambda folder: (text("log-suite.yaml", "mine")(folder), text("log.csv", csv_text(log_rows()))(folder))[0],
    ),
    # the arguments themselves
    Case("unknown verb", ("lable",), ("'lable'", "sie --help")),
    Case("unknown option", ("doctor", "--fix"), ("--fix", "sie doctor --help")),
    Case("missing option", ("label", "--data", "sample", "--out", "out"), ("--variant", "sie label --help")),
    Case("number that is none", (*SELECT, "--keep", "half"), ("--keep", "sie select --help")),
    Case("unknown form of output", ("doctor", "--output", "xml"), ("xml", "json")),
)


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_bad_input(case: Case, sie: Sie, tmp_path: Path) -> None:
    if case.prepare is not None:
        case.prepare(tmp_path)
    ran = sie(*case.typed, "--quiet")
    assert ran.code == 2, ran.err
    assert ran.out == ""
    assert ran.err.startswith("sie: ") and ran.err.count("\n") == 1 and "Traceback" not in ran.err
    for part in case.says:
        assert part in ran.err


def test_there_are_enough_cases() -> None:
    assert len(CASES) >= 30
    assert len({case.name for case in CASES}) == len(CASES)


def test_a_mistake_as_json(sie: Sie) -> None:
    ran = sie("label", "--data", "absent.csv", "--variant", "relevance/lexical", "--out", "o", "--output", "json")
    assert ran.code == 2 and ran.out == ""
    said = json.loads(ran.err)
    assert said["exit_code"] == 2 and "absent.csv" in said["error"]


def test_wrong_arguments_as_json(sie: Sie) -> None:
    ran = sie("--output", "json", "lable")
    assert ran.code == 2 and ran.out == ""
    assert "'lable'" in json.loads(ran.err)["error"]
