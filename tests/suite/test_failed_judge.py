"""`sie run` where a judge fails completely: the others are kept and shown, and the cause stands beside it."""

from __future__ import annotations

import html
import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from sie_agent.cli import main
from sie_agent.errors import EnvironmentFailure, InputError
from sie_agent.suite import evaluate_run, run_suite

from ..judging.scripted_server import Reply, completion, error, scripted_server
from .conftest import Workshop

pytestmark = pytest.mark.slow

LEXICAL = {"name": "lexical", "kind": "lexical"}
BENCH = {"draws": 1, "seeds": 1, "folds": 2}
SMALL = {"labels": {"proxies": 2, "clarity": "none"}, "draws": [1], "references": [], "downstream": {"draws": 0}}


@pytest.fixture(autouse=True)
def own_surroundings(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-of-the-test")
    monkeypatch.setenv("SIE_CACHE_DIR", str(workshop.folder))
    monkeypatch.setattr("sie_agent.judging.backends.http.openai.FIRST_BACKOFF", 0.01)


def right(body: dict[str, Any]) -> Reply:
    high = 0.2 + 0.6 * (len(json.dumps(body["messages"])) % 7) / 7
    return Reply(body=completion("3", top={"3": math.log(high), "0": math.log(1 - high)}))


def rejecting(body: dict[str, Any], number: int) -> Reply:
    return Reply(422, error(f"temperature must be > 0 (request r{number}x{number * 7})"))


def served(name: str, url: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "kind": "openai", "base_url": url, "model": name, **more}


def suite(workshop: Workshop, judges: list[dict[str, Any]], **more: Any) -> Path:
    return workshop.suite(judges=judges, **{**SMALL, **more})


def agreement(out: Path) -> dict[str, Any]:
    return json.loads((out / "agreement.json").read_text())


def page_of(out: Path) -> str:
    """The report's text as a browser shows it."""
    return html.unescape((out / "report.html").read_text())


Broken = Callable[[dict[str, Any], int], Reply]
BROKEN: dict[str, tuple[Broken, str]] = {
    "rejected": (rejecting, "temperature must be > 0"),
    "key": (lambda *_: Reply(401, error("this key was taken back", "invalid_api_key")), "key"),
    "model": (lambda *_: Reply(404, error("no such model here", "model_not_found")), "model"),
    "money": (lambda *_: Reply(402, error("you have no credit left", "insufficient_quota")), "credit"),
}


@pytest.mark.parametrize("kind", [*BROKEN, "unreachable"])
def test_a_judge_that_fails_whole_is_left_out(workshop: Workshop, kind: str) -> None:
    script, cause = BROKEN.get(kind, (rejecting, "cannot be reached"))
    out = workshop.folder / "run"
    with scripted_server(lambda body, _: right(body)) as good, scripted_server(script) as bad:
        url = "http://127.0.0.1:9/v1" if kind == "unreachable" else bad.url
        judges = [served("good", good.url), LEXICAL, served("bad", url)]
        more = {"downstream": BENCH, "references": ["tracin-ranking"]} if kind == "rejected" else {}
        summary = run_suite(suite(workshop, judges, **more), out, cache_path=workshop.cache)
    assert summary["exit_code"] == 3 and summary["instead_of"] is None
    (failed,) = summary["failed"]
    assert (failed["judge"], failed["lost"]) == ("bad", "judge") and cause in failed["cause"]
    assert "\n" not in failed["text"] and len(failed["text"]) < 330 and "sk-secret" not in failed["text"]
    figures = agreement(out)
    assert figures["failed"] == [failed] and {row["judge"] for row in figures["judges"]} >= {"good", "lexical"}
    assert "bad" not in {row["judge"] for row in figures["judges"]}
    assert summary["verdict"]["judge"] == "good" and (out / "scorer" / "config.json").is_file()
    page = page_of(out)
    assert "Judge 'bad' is left out" in page and cause in page
    evaluated = evaluate_run(out)
    assert evaluated["failed"] == [failed] and evaluated["exit_code"] == 3


def test_a_variant_that_the_backend_cannot_answer_is_refused_before_anything_is_asked(workshop: Workshop) -> None:
    with scripted_server(lambda body, _: right(body)) as good:
        judges = [served("good", good.url), served("bad", good.url, variant="relevance/query-likelihood")]
        with pytest.raises(InputError, match="which backend 'openai' cannot do"):
            run_suite(suite(workshop, judges), workshop.folder / "run", cache_path=workshop.cache)
        assert good.bodies == [] and not (workshop.folder / "run").exists()


def test_where_the_headline_s_judge_fails_the_next_takes_its_place(
    workshop: Workshop, capsys: pytest.CaptureFixture[str]
) -> None:
    """A made-up judge and a baseline do not; and a rerun with the server back is as if nothing had been."""
    out, asked_again = workshop.folder / "run", []
    with scripted_server(lambda body, _: right(body)) as good, scripted_server(rejecting) as bad:
        judges = [served("bad", bad.url), {"name": "guess", "kind": "random"}, LEXICAL, served("good", good.url)]
        path = suite(workshop, judges)
        code = main(["run", str(path), "--out", str(out), "--output", "json"])
        summary = json.loads(capsys.readouterr().out)
        main(["run", str(path), "--out", str(out)])
        shown = capsys.readouterr().out
    assert code == 3 and summary["verdict"]["judge"] == "good" and summary["instead_of"] == "bad"
    assert summary["agreement"]["judge"] == "good"
    assert "Judge 'bad' is left out: judged 0 of" in shown and "temperature must be > 0" in shown
    assert "The headline is about judge 'good', in place of 'bad'" in shown
    written = yaml.safe_load((out / "suite.yaml").read_text())
    assert [judge["name"] for judge in written["judges"]] == ["guess", "lexical", "good"]
    assert json.loads((out / "manifest.json").read_text())["judges"]["bad"]["servers"][0]["failures"]

    def healed(body: dict[str, Any], number: int) -> Reply:
        asked_again.append(body["model"])
        return right(body)

    with scripted_server(healed) as server:
        judges[0]["base_url"], judges[-1]["base_url"] = server.url, server.url
        again = run_suite(suite(workshop, judges), out, cache_path=workshop.cache)
    assert again["exit_code"] == 0 and again["failed"] == [] and again["verdict"]["judge"] == "bad"
    assert set(asked_again) == {"bad"} and not (out / "failures.json").exists()
    assert "is left out" not in page_of(out)


def test_what_was_answered_before_a_breakdown_is_not_asked_again(workshop: Workshop) -> None:
    out = workshop.folder / "run"
    answered: list[int] = []

    def breaking(body: dict[str, Any], number: int) -> Reply:
        if len(answered) >= 30:
            return Reply(401, error("this key was taken back", "invalid_api_key"))
        answered.append(number)
        return right(body)

    with scripted_server(lambda body, _: right(body)) as good, scripted_server(breaking) as bad:
        judges = [served("good", good.url), served("bad", bad.url)]
        summary = run_suite(suite(workshop, judges), out, cache_path=workshop.cache)
    assert summary["exit_code"] == 3 and "key" in summary["failed"][0]["cause"]
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["judges"]["bad"]["tokens"]["input"] >= 100 * 25, "what a broken judge cost is in the account"
    with scripted_server(lambda body, _: right(body)) as server:
        judges[0]["base_url"] = judges[1]["base_url"] = server.url
        again = run_suite(suite(workshop, judges), out, cache_path=workshop.cache)
    pairs = again["exit_code"] == 0 and len(pd.read_parquet(out / "judgments.parquet").query("model == 'bad'"))
    assert pairs and {body["model"] for body in server.bodies} == {"bad"}
    assert len(server.bodies) <= pairs - 25


def test_where_every_judge_fails_nothing_is_written(workshop: Workshop, capsys: pytest.CaptureFixture[str]) -> None:
    out = workshop.folder / "run"
    with scripted_server(rejecting) as bad:
        for judges in ([served("bad", bad.url)], [served("bad", bad.url), LEXICAL, {"name": "g", "kind": "random"}]):
            path = suite(workshop, judges)
            assert main(["run", str(path), "--out", str(out)]) == 1
            assert "no judge is left" in (told := capsys.readouterr().err) and "temperature must be > 0" in told
        with pytest.raises(EnvironmentFailure, match="cannot be reached"):
            run_suite(suite(workshop, [served("bad", "http://127.0.0.1:9/v1")]), out, cache_path=workshop.cache)
    assert not list(out.glob("*.parquet")) and not (out / "agreement.json").exists() and not (out / "draws").exists()


def test_settings_that_are_wrong_are_found_before_anybody_is_asked(workshop: Workshop) -> None:
    with scripted_server(lambda body, _: right(body)) as server:
        for wrong in ({"variant": "relevance/nowhere"}, {"kind": "lexical", "revision": "2"}):
            judges = [served("good", server.url), {**served("bad", server.url), **wrong}]
            with pytest.raises(InputError):
                run_suite(suite(workshop, judges), workshop.folder / "run", cache_path=workshop.cache)
    assert not server.bodies and not (workshop.folder / "run").exists()


@pytest.mark.parametrize("members", [2, 3])
def test_a_panel_goes_on_without_a_member_where_two_are_left(workshop: Workshop, members: int) -> None:
    out, names = workshop.folder / "run", ["a", "b", "c"][: members - 1]
    with scripted_server(lambda body, _: right(body)) as good, scripted_server(rejecting) as bad:
        judges = [
            {"name": "panel", "kind": "panel", "members": [*names, "bad"]},
            *(served(name, good.url) for name in names),
            served("bad", bad.url),
        ]
        more = {"downstream": BENCH} if members == 3 else {}
        summary = run_suite(suite(workshop, judges, **more), out, cache_path=workshop.cache)
    lost = {(one["judge"], one["lost"]): one for one in summary["failed"]}
    assert summary["exit_code"] == 3 and ("bad", "judge") in lost
    if members == 3:
        assert summary["verdict"]["judge"] == "panel" and summary["instead_of"] is None
        assert lost["panel", "members"]["text"] == "Panel 'panel' goes on without 'bad'"
    else:
        assert summary["verdict"]["judge"] == "a" and summary["instead_of"] == "panel"
        assert "of its members only 'a' is left" in lost["panel", "judge"]["text"]
    page = page_of(out)
    assert "Panel 'panel' goes on without" in page or "of its members only" in page


def test_a_judge_with_a_grade_for_too_few_pairs_is_left_out(workshop: Workshop) -> None:
    """One grade of many: no scorer can be made of it."""
    graded: list[int] = []

    def almost_deaf(body: dict[str, Any], number: int) -> Reply:
        if graded:
            return rejecting(body, number)
        graded.append(number)
        return right(body)

    with scripted_server(lambda body, _: right(body)) as good, scripted_server(almost_deaf) as bad:
        judges = [served("good", good.url), served("bad", bad.url)]
        summary = run_suite(suite(workshop, judges), workshop.folder / "run", cache_path=workshop.cache)
    (failed,) = summary["failed"]
    assert (failed["judge"] == "bad" and "judged 1 of" in failed["cause"]) or "judged 0 of" in failed["cause"]
    assert summary["reasons"]["relevance"][0]["status"] == "rejected"


def test_who_comes_into_the_headline_is_asked_what_only_the_headline_reads(workshop: Workshop) -> None:
    """Rows that the recipe is chosen on, and clarity: as if it had been in the headline from the start."""
    labels = {"proxies": 2, "clarity": "judge"}
    with scripted_server(lambda body, _: right(body)) as good, scripted_server(rejecting) as bad:
        judges = [served("bad", bad.url), served("good", good.url)]
        out, alone = workshop.folder / "run", workshop.folder / "alone"
        summary = run_suite(suite(workshop, judges, labels=labels), out, cache_path=workshop.cache)
        count = len(good.bodies)
        run_suite(suite(workshop, judges[1:], labels=labels), alone, cache_path=workshop.cache)
        assert len(good.bodies) == count, "all of it was asked, and nothing twice"
    (failed,) = summary["failed"]
    assert failed["judge"] == "bad" and summary["instead_of"] == "bad"
    for name in ("scores.parquet", "labels.parquet"):
        assert pd.read_parquet(out / name).equals(pd.read_parquet(alone / name))
    assert (
        json.loads((out / "draws/1/facts.json").read_text())["recipe"]
        == json.loads((alone / "draws/1/facts.json").read_text())["recipe"]
    )
    assert pd.read_parquet(out / "samples.parquet")["clarity"].notna().any()
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["judges"]["good"]["asked"] >= count - 2 and len(manifest["judges"]["good"]["servers"]) == 2


@pytest.mark.parametrize("raises", [True, False])
def test_clarity_that_is_not_judged_costs_nothing_else(workshop: Workshop, raises: bool) -> None:
    def script(body: dict[str, Any], number: int) -> Reply:
        if "<item>" in body["messages"][-1]["content"]:
            return right(body)
        if raises:
            return Reply(401, error("this key was taken back", "invalid_api_key"))
        return rejecting(body, number)

    out = workshop.folder / "run"
    with scripted_server(script) as server:
        labels = {"proxies": 2, "clarity": "judge"}
        path = suite(workshop, [served("good", server.url)], labels=labels)
        summary = run_suite(path, out, cache_path=workshop.cache)
    (failed,) = summary["failed"]
    assert (failed["judge"], failed["lost"]) == ("good", "clarity") and summary["exit_code"] == 3
    assert failed["text"].startswith("Clarity of the queries was not judged: ")
    assert ("key" if raises else "temperature must be > 0") in failed["cause"]
    assert summary["pairs_without_grade"] == 0 and "Clarity of the queries was not judged" in page_of(out)


def test_a_damaged_list_of_failures_is_named(finished: Any, tmp_path: Path) -> None:
    _, out, _ = finished
    copy = tmp_path / "copy"
    shutil.copytree(out, copy)
    (copy / "failures.json").write_text('{"failed": [3]}')
    with pytest.raises(InputError, match=r"failures\.json"):
        evaluate_run(copy)
