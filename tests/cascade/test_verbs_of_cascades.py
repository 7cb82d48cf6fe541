"""`sie calibrate-cascade` and `sie label --cascade`, with words, a scripted server and people as levels."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import sie_agent
from sie_agent.errors import InputError
from sie_agent.results.cascade import CascadeFile

from ..judging.scripted_server import Reply, Scripted, scripted_server
from .shop import answer, levels_text, rows_of, title_of, write_log

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
AIM: dict[str, Any] = {"alpha": 0.1, "delta": 0.1}
# a request of the scripted server says that it took 100 tokens
A_REQUEST = 100 * 1000 / 1e6


@pytest.fixture(scope="module")
def server() -> Iterator[Scripted]:
    with scripted_server(answer) as running:
        yield running


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, server: Scripted) -> Path:
    """A folder with a log, its levels, and the cascade that was calibrated on it."""
    folder = tmp_path_factory.mktemp("shop")
    write_log(folder / "log.csv")
    (folder / "levels.yaml").write_text(levels_text(server.url))
    found = sie_agent.calibrate_cascade(
        folder / "levels.yaml", folder / "log.csv", folder / "cascade", cache_path=folder / "cache.sqlite", **AIM
    )
    (folder / "result.json").write_text(json.dumps(found))
    return folder


def result(shop: Path) -> dict[str, Any]:
    return dict(json.loads((shop / "result.json").read_text()))


def test_easy_pairs_are_settled_by_words_and_hard_ones_by_the_server(shop: Path, server: Scripted) -> None:
    found = result(shop)
    words, asked, people = found["levels"]
    assert words["threshold"] is not None and 0.45 < words["test"]["coverage"] < 0.55
    assert words["test"]["agreement"] == 1.0 and words["test"]["constant"] == pytest.approx(0.5)
    assert asked["test"]["n_asked"] == found["n_test_pairs"] // 2
    assert asked["threshold"] is not None and asked["test"]["agreement"] >= 0.9
    assert asked["cost_per_pair"] == pytest.approx(A_REQUEST)
    assert people["kind"] == "person" and found["mode"].startswith("gold-calibrated (")
    assert found["levels"][0]["delta"] == pytest.approx(0.05)
    # of the second level the error is shared by what the first may end on
    testable = sum(step["status"] != "too-few" for step in words["steps"])
    assert asked["delta"] == pytest.approx(0.05 / (testable + 1))


def test_pairs_that_words_settled_are_never_asked(shop: Path, server: Scripted) -> None:
    assert server.bodies and not [one for one in map(title_of, server.bodies) if "brass" in one or "spoon" in one]


def test_judgments_say_who_settled_what(shop: Path, server: Scripted) -> None:
    before = len(server.bodies)
    out = shop / "labels"
    told = sie_agent.label(
        shop / "log.csv", out, cascade=shop / "cascade" / "cascade.json", cache_path=shop / "cache.sqlite"
    )
    assert len(server.bodies) == before, "all of it was asked when the cascade was calibrated"
    found = pd.read_parquet(out / "judgments.parquet")
    rows = rows_of()
    assert found["sample_id"].tolist() == rows["sample_id"].tolist()
    easy = rows["title"].str.contains("brass|spoon", regex=True).to_numpy()
    maybe = rows["title"].str.contains(" maybe ").to_numpy()
    assert (found.loc[easy, "settled_by"] == "words").all() and (
        found.loc[~easy & ~maybe, "settled_by"] == "server"
    ).all()
    settled = found["status"] == "ok"
    assert (found.loc[settled & ~maybe, "decision"] == rows.loc[settled.to_numpy() & ~maybe, "grade"].to_numpy()).all()
    assert found.loc[settled, "confidence"].between(0, 1).all() and found.loc[settled, "score"].between(0, 1).all()
    left = found[~settled]
    assert told["exit_code"] == (3 if len(left) else 0)
    assert (left["status"] == "person").all() and (left["settled_by"] == "person").all() and left["score"].isna().all()
    if len(left):
        sheet = pd.read_csv(out / "sheet.csv", encoding="utf-8-sig")
        assert sheet["sample_id"].tolist() == left["sample_id"].tolist() and sheet["grade"].isna().all()
    assert told["cascade"]["levels"][0]["settled"] == int(easy.sum())


def test_scores_are_one_judge_to_what_reads_judgments(shop: Path) -> None:
    out = shop / "again"
    cascade = shop / "cascade" / "cascade.json"
    sie_agent.label(shop / "log.csv", out, cascade=cascade, cache_path=shop / "cache.sqlite")
    fitted = sie_agent.calibrate(out, shop / "log.csv", shop / "fitted.json", method="platt")
    assert fitted["variant"].startswith("cascade/") and fitted["model"] == "words > server"


def other_log(folder: Path, n_queries: int = 60) -> Path:
    """A log of other queries."""
    rows = rows_of(n_queries).drop(columns="grade")
    for name in ("sample_id", "query", "item_id", "title"):
        rows[name] = rows[name].str.replace("q", "r").str.replace("n", "m").str.replace("mo ", "no ")
    rows.to_csv(folder / "other.csv", index=False)
    return folder / "other.csv"


def test_a_limit_on_cost_holds_over_all_levels_and_the_rest_is_asked_next_time(
    shop: Path, server: Scripted, tmp_path: Path
) -> None:
    log, before = other_log(tmp_path), len(server.bodies)
    how: dict[str, Any] = {"cascade": shop / "cascade" / "cascade.json", "cache_path": tmp_path / "own.sqlite"}
    first = sie_agent.label(log, tmp_path / "out", max_cost=20 * A_REQUEST, **how)
    spent = len(server.bodies) - before
    assert 5 < spent <= 20 and first["cost"] == pytest.approx(spent * A_REQUEST) and first["exit_code"] == 3
    assert first["stopped"] == "cost" and first["cascade"]["not_asked"] == 120 - spent
    table = pd.read_parquet(tmp_path / "out" / "judgments.parquet")
    assert (table.loc[table["status"] == "not-asked", "settled_by"] == "").all()
    second = sie_agent.label(log, tmp_path / "out", **how)
    assert second["stopped"] is None and second["cascade"]["not_asked"] == 0
    asked = Counter(map(title_of, server.bodies[before:]))
    assert len(asked) == 120 and set(asked.values()) == {1}


def test_a_dry_run_says_what_each_level_is_expected_to_be_asked(shop: Path, server: Scripted, tmp_path: Path) -> None:
    log, before = other_log(tmp_path), len(server.bodies)
    planned = sie_agent.plan(log, cascade=shop / "cascade" / "cascade.json", cache_path=tmp_path / "own.sqlite")
    words, asked, people = planned["levels"]
    assert len(server.bodies) == before
    assert words["expected"] == 240 and words["cached"] == 0 and words["cost"] == 0.0
    assert asked["expected"] == pytest.approx(120, abs=12)
    assert planned["cost"] == pytest.approx(asked["expected"] * A_REQUEST)
    assert people["expected"] < 40


def test_killed_it_goes_on_and_nothing_is_asked_twice_beyond_what_was_under_way(shop: Path, tmp_path: Path) -> None:
    log = other_log(tmp_path)
    with scripted_server(lambda body, number: Reply(body=answer(body, number).body, delay=0.02)) as slow:
        cascade = tmp_path / "cascade.json"
        url = json.loads((shop / "cascade" / "cascade.json").read_text())["levels"][1]["settings"]["base_url"]
        cascade.write_text((shop / "cascade" / "cascade.json").read_text().replace(url, slow.url))
        command = [sys.executable, "-m", "sie_agent", "--quiet", "label", "--data", str(log)]
        command += ["--cascade", str(cascade), "--out", str(tmp_path / "out")]
        environment = {**os.environ, "SIE_CACHE_DIR": str(tmp_path / "cache"), "PYTHONPATH": str(ROOT)}
        process = subprocess.Popen(command, env=environment, cwd=tmp_path)
        deadline = time.monotonic() + 60
        while len(slow.bodies) < 30:
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert subprocess.run(command, env=environment, cwd=tmp_path, check=False).returncode in (0, 3)
        asked = Counter(map(title_of, slow.bodies))
    assert len(asked) == 120 and sum(asked.values()) - 120 <= 32
    assert len(pd.read_parquet(tmp_path / "out" / "judgments.parquet")) == 240


def test_a_level_that_changed_since_is_refused(shop: Path, tmp_path: Path) -> None:
    content = json.loads((shop / "cascade" / "cascade.json").read_text())
    content["levels"][0]["fingerprint"] = "0" * 64
    (tmp_path / "cascade.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match="level 'words': its prompt or scorer is another than was calibrated"):
        sie_agent.label(shop / "log.csv", tmp_path / "out", cascade=tmp_path / "cascade.json")


def test_queries_that_were_seen_are_left_out(shop: Path, tmp_path: Path) -> None:
    rows_of().head(400)[["query"]].to_csv(tmp_path / "seen.csv", index=False)
    (tmp_path / "levels.yaml").write_text(
        "levels: [{name: words, kind: judge, backend: lexical, variant: relevance/lexical}]"
    )
    found = sie_agent.calibrate_cascade(
        tmp_path / "levels.yaml", shop / "log.csv", tmp_path / "out", seen=[tmp_path / "seen.csv"], **AIM
    )
    assert found["n_seen"] == 100 and found["n_queries"] + found["n_fit_queries"] + found["n_test_queries"] == 60


def test_decisions_may_be_grades(shop: Path, tmp_path: Path) -> None:
    (tmp_path / "levels.yaml").write_text(
        "levels: [{name: words, kind: judge, backend: lexical, variant: relevance/lexical}]"
    )
    out = tmp_path / "out"
    cache = tmp_path / "own.sqlite"
    found = sie_agent.calibrate_cascade(
        tmp_path / "levels.yaml", shop / "log.csv", out, agree_on="level", cache_path=cache, **AIM
    )
    assert found["scale"] == [0.0, 1.0] and found["levels"][0]["curves"] == [] and found["n_fit_queries"] == 0
    told = sie_agent.label(shop / "log.csv", tmp_path / "labels", cascade=out / "cascade.json", cache_path=cache)
    table = pd.read_parquet(tmp_path / "labels" / "judgments.parquet")
    assert (
        set(table["decision"].dropna()) <= {0.0, 1.0}
        and told["cascade"]["unsettled"] == (table["status"] != "ok").sum()
    )
    assert (table.loc[table["status"] != "ok", "settled_by"] == "").all()


def test_a_scorer_is_a_level_and_the_queries_of_its_log_are_left_out(shop: Path, tmp_path: Path) -> None:
    whole = pd.read_csv(shop / "log.csv")
    seen = whole["query"].isin(whole["query"].unique()[:60])
    whole[seen].to_csv(tmp_path / "first.csv", index=False)
    judge = sie_agent.Judge("lexical")
    sie_agent.label(tmp_path / "first.csv", tmp_path / "words", variant="relevance/lexical", judge=judge)
    sie_agent.distill(tmp_path / "words", tmp_path / "first.csv", tmp_path / "distilled")
    scorer = tmp_path / "distilled" / "scorer"
    (tmp_path / "levels.yaml").write_text(f"levels: [{{name: s, kind: scorer, scorer: {scorer}}}, {{kind: person}}]")
    found = sie_agent.calibrate_cascade(tmp_path / "levels.yaml", shop / "log.csv", tmp_path / "out", **AIM)
    assert found["n_seen"] == 60 and "rows of its log" in found["seen"]
    assert found["levels"][0]["test"]["n_asked"] == found["n_test_pairs"]
    told = sie_agent.label(shop / "log.csv", tmp_path / "labels", cascade=tmp_path / "out" / "cascade.json")
    assert told["ok"] + told["failed"] == len(whole)


def test_an_agent_is_asked_what_is_left_and_its_steps_are_kept(shop: Path, tmp_path: Path) -> None:
    lexical = "backend: lexical, variant: relevance/lexical"
    levels = f"steps: 2\nlevels: [{{name: words, kind: judge, {lexical}}}, {{name: agent, kind: agent, {lexical}}}]"
    (tmp_path / "levels.yaml").write_text(levels)
    cache = tmp_path / "own.sqlite"
    found = sie_agent.calibrate_cascade(
        tmp_path / "levels.yaml", shop / "log.csv", tmp_path / "out", alpha=0.45, delta=0.2, cache_path=cache
    )
    words, agent = found["levels"]
    assert agent["kind"] == "agent" and words["threshold"] is not None
    assert agent["test"]["n_asked"] == words["test"]["n_asked"] - words["test"]["n_pairs"]
    content = json.loads((tmp_path / "out" / "cascade.json").read_text())
    # whatever it knew, it has to be asked here
    for level in content["levels"]:
        level["curves"], level["threshold"] = level["curves"] or [{"slope": 1, "intercept": 0}], 0.9
        level["steps"] = [{"threshold": 0.9, "status": "held"}]
    (tmp_path / "cascade.json").write_text(json.dumps(content))
    told = sie_agent.label(shop / "log.csv", tmp_path / "labels", cascade=tmp_path / "cascade.json", cache_path=cache)
    assert told["traces"] is not None
    traces = pd.read_parquet(told["traces"])
    judged = pd.read_parquet(told["judgments"])
    assert set(traces["sample_id"]) == set(judged.loc[judged["settled_by"] != "words", "sample_id"])


@pytest.mark.parametrize("confidence", ["entropy", "orders", "annotators"])
def test_each_measure_of_confidence(server: Scripted, tmp_path: Path, confidence: str) -> None:
    write_log(tmp_path / "log.csv", 40)
    (tmp_path / "levels.yaml").write_text(levels_text(server.url, confidence=confidence))
    before = len(server.bodies)
    found = sie_agent.calibrate_cascade(
        tmp_path / "levels.yaml", tmp_path / "log.csv", tmp_path / "out", cache_path=tmp_path / "own.sqlite", **AIM
    )
    members = {"entropy": 1, "orders": 4, "annotators": 5}[confidence]
    assert len(found["levels"][1]["curves"]) in (0, members)
    asked = Counter(map(title_of, server.bodies[before:]))
    assert set(asked.values()) == {members}
    CascadeFile.model_validate(json.loads((tmp_path / "out" / "cascade.json").read_text()))
