"""``sie adjust``: what drifted is judged, distilled, and served only where the verdict says so; killed, it goes on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest

import sie_agent as sie
from sie_agent.commands.adjusting.drifted import ReloadRefused, SeenDrift, asked_drift, levels_in, saved_drift
from sie_agent.commands.adjusting.published import publish, roll_back, served_link
from sie_agent.commands.adjusting.steps import DO_NOT_USE, USE, drawn, drifted_rows, verdict_of
from sie_agent.drift import Adjustment, AdjustmentSettings, save_adjustment
from sie_agent.drift.levels import Standing
from sie_agent.errors import EnvironmentFailure, InputError
from sie_agent.files.paths import CHECKOUT
from sie_agent.samples import load_samples

from ..serving.conftest import Service, started, train

QUICK = ["labels.proxies=2", "labels.log_columns=false", "target.epochs=1"]
NOTHING_KNOWN = "nothing is known that it pointed to before"


def market(agrees: bool = True) -> pd.DataFrame:
    """The shipped sample in two departments; in the second one shoppers now click what has most words of the query, or
    what has fewest."""
    samples = load_samples("sample", limit=900).drop(columns="grade")
    words = [
        len(set(query.lower().split()) & set(title.lower().split()))
        for query, title in zip(samples["query"], samples["title"], strict=True)
    ]
    place = pd.Series(words).groupby(samples["query"].to_numpy()).rank(pct=True, method="average").to_numpy()
    garden = samples["query"].map(lambda text: sum(map(ord, text)) % 2 == 0).to_numpy()
    clicked = place > 0.4 if agrees else place < 0.4
    departments = np.where(garden, "garden", "kitchen")
    return samples.assign(department=departments, label=clicked.astype(float), position=pd.NA)


def link_to(folder: Path, target: Path) -> Path:
    """A link as a service serves it."""
    link = folder / "served"
    link.symlink_to(target)
    return link


@pytest.fixture(scope="module")
def old_scorer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the service serves before anything drifts."""
    samples = load_samples("sample", limit=452)
    log = samples.assign(label=(samples["grade"] >= 0.5).astype(float))
    return train(log, tmp_path_factory.mktemp("adjust") / "first", 0)


@pytest.fixture
def link(tmp_path: Path, old_scorer: Path) -> Path:
    return link_to(tmp_path, old_scorer)


def state_file(folder: Path, *, drifts: bool = True, department: str = "garden") -> Path:
    """A file as a service keeps it, in which one department's labels changed."""
    settings = AdjustmentSettings(window=256, department_window=128, warm_up=256)
    rng = np.random.default_rng(1)
    quantiles = np.linspace(0, 1, 101)
    adjustment = Adjustment({"support": quantiles}, settings=settings)
    for step in range(40):
        clicked = 0.9 if drifts and step >= 10 else 0.1
        for name, share in ((department, clicked), ("kitchen", 0.1)):
            labels = (rng.random(100) < share).astype(float)
            adjustment.observe({"support": rng.random(100)}, labels, [name] * 100, [f"q{n}" for n in range(100)])
    adjustment.state()
    path = folder / "adjustment.json"
    save_adjustment(adjustment, path)
    return path


def options(tmp_path: Path, log: pd.DataFrame, **more: Any) -> dict[str, Any]:
    log.to_parquet(tmp_path / "log.parquet")
    return {
        "data": tmp_path / "log.parquet",
        "out": tmp_path / "adjusted",
        "state": state_file(tmp_path),
        "variant": "relevance/lexical",
        "judge": "lexical",
        "overrides": QUICK,
        **more,
    }


def test_the_file_of_a_service_says_which_department_moved(tmp_path: Path) -> None:
    drift = saved_drift(state_file(tmp_path))
    assert drift.distill_again and drift.departments == ("garden",)
    assert any("department 'garden', the mean label rose" in one for one in drift.reasons)
    assert not saved_drift(state_file(tmp_path, drifts=False)).distill_again
    for text in ("{}", "nothing", '{"format": 2}'):
        (tmp_path / "odd.json").write_text(text)
        with pytest.raises(InputError, match="is not the state of a service"):
            saved_drift(tmp_path / "odd.json")


def test_a_department_that_is_only_watched_has_not_drifted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    levels = {"garden": 2, "kitchen": 1, "toys": 0, None: 2}
    standings = [(name, "mean_label", Standing(level=level)) for name, level in levels.items()]
    saved = SimpleNamespace(standings=standings, events=5)
    monkeypatch.setattr("sie_agent.drift.state_file.read_state", lambda path: saved)
    drift = saved_drift(tmp_path / "state.json")
    assert (drift.level, drift.departments, len(drift.reasons)) == ("distill_again", ("garden",), 3)


def test_levels_are_found_in_any_part_of_the_answer() -> None:
    told = {"events": 3, "psi": {"support": {"level": "watch"}, "value": None}, "judge": {"mean": {"level": "steady"}}}
    assert sorted(levels_in(told)) == ["steady", "watch"]


def test_a_service_that_does_not_answer_as_one_is_told() -> None:
    with pytest.raises(EnvironmentFailure, match="no answer"):
        asked_drift("http://127.0.0.1:9", None)


def test_rows_of_the_department_are_drawn_in_whole_queries() -> None:
    log = market()
    moved = log[drifted_rows(log, ["garden"])]
    assert set(moved["department"]) == {"garden"} and drifted_rows(log, []).all()
    chosen = drawn(moved, 100, 0)
    sizes = moved["query"].value_counts()
    assert 100 <= len(chosen) < 100 + sizes.max()
    assert (
        chosen["query"].value_counts() == sizes[chosen["query"].unique()].reindex(chosen["query"].value_counts().index)
    ).all()
    assert set(drawn(moved, 50, 0)["sample_id"]) <= set(chosen["sample_id"])
    assert set(drawn(moved, 100, 1)["sample_id"]) != set(chosen["sample_id"])
    assert len(drawn(moved, 10_000, 0)) == len(moved)
    with pytest.raises(InputError, match="there are: garden, kitchen"):
        drifted_rows(log, ["toys"])


@pytest.mark.parametrize("agrees", [True, False])
def test_the_verdict_is_use_only_where_the_judge_orders_what_moved(agrees: bool) -> None:
    log = market(agrees)
    moved = log[log["department"] == "garden"]
    place = market()["label"].to_numpy()[moved.index]
    judgments = pd.DataFrame({"sample_id": moved["sample_id"], "score": 0.2 + 0.5 * place})
    recipe = {"chosen": "rule", "words": "weights by support", "why": "of the test"}
    samples = log.assign(grade=np.nan)
    verdict, why = verdict_of(samples, judgments, moved["sample_id"], recipe, 0)
    assert verdict == (USE if agrees else DO_NOT_USE) and "the log's labels" in why
    verdict, why = verdict_of(samples, judgments, moved["sample_id"], {**recipe, "chosen": "log"}, 0)
    assert verdict == DO_NOT_USE
    few = moved[moved["query"].isin(moved["query"].unique()[:8])]
    verdict, why = verdict_of(samples, judgments, few["sample_id"], recipe, 0)
    assert verdict == DO_NOT_USE and "at least 12 are needed" in why
    graded = samples.assign(grade=1 - market()["label"])
    verdict, why = verdict_of(graded, judgments, moved["sample_id"], recipe, 0)
    assert verdict == DO_NOT_USE and "by grades" in why


class TestLink:
    def test_only_a_link_to_a_scorer_is_turned(self, tmp_path: Path, old_scorer: Path) -> None:
        with pytest.raises(InputError, match="is no link"):
            served_link(old_scorer)
        (tmp_path / "odd").symlink_to(tmp_path)
        with pytest.raises(InputError):
            served_link(tmp_path / "odd")

    @pytest.mark.slow
    def test_there_and_back_and_twice(self, tmp_path: Path, link: Path, old_scorer: Path) -> None:
        samples = load_samples("sample", limit=300)
        log = samples.assign(label=(samples["grade"] >= 0.5).astype(float))
        second, third = (train(log.head(size), tmp_path / f"model-{size}", size) for size in (200, 300))
        held = served_link(link)
        for new in (second, second, third):
            assert publish(held, new, "of the test") == new.resolve() == link.resolve()
        assert [Path(one["target"]) for one in held.entries()] == [old_scorer.resolve(), second, third]
        assert roll_back(held) == second == link.resolve()
        # what was rolled back is forgotten: the next one goes on from here
        publish(held, third, "again")
        assert [roll_back(held), roll_back(held)] == [second, old_scorer.resolve()]
        with pytest.raises(InputError, match=NOTHING_KNOWN):
            roll_back(held)

    @pytest.mark.slow
    def test_a_kill_between_the_history_and_the_link_is_made_good(
        self, tmp_path: Path, link: Path, old_scorer: Path
    ) -> None:
        samples = load_samples("sample", limit=200)
        second = train(samples.assign(label=(samples["grade"] >= 0.5).astype(float)), tmp_path / "second", 1)
        held = served_link(link)
        code = "import os, sys; import sie_agent.commands.adjusting.published as p; from pathlib import Path\n"
        code += "p.turn = lambda *given: os._exit(9)\np.publish(p.served_link(sys.argv[1]), Path(sys.argv[2]), 'x')"
        ran = subprocess.run(
            [sys.executable, "-c", code, str(link), str(second)], env={"PYTHONPATH": str(CHECKOUT)}, check=False
        )
        assert ran.returncode == 9 and link.resolve() == old_scorer.resolve() and len(held.entries()) == 2
        with pytest.raises(InputError, match=NOTHING_KNOWN):
            roll_back(held)
        assert publish(held, second, "x") == second and len(held.entries()) == 2
        assert roll_back(held) == old_scorer.resolve()


def test_what_is_missing_is_told(tmp_path: Path, link: Path) -> None:
    given = options(tmp_path, market())
    for without, said in (("data", "--data|data"), ("out", "out"), ("variant", "variant"), ("state", "what drifted")):
        with pytest.raises(InputError, match=said):
            sie.adjust(link, **{**given, without: None})
    with pytest.raises(InputError, match="what drifted"):
        sie.adjust(link, **given, service="http://127.0.0.1:9")
    with pytest.raises(InputError, match=NOTHING_KNOWN):
        sie.adjust(link, roll_back=True)


def test_a_file_of_the_users_stays(tmp_path: Path, link: Path) -> None:
    (tmp_path / "adjusted").mkdir()
    (tmp_path / "adjusted/adjusted.json").write_text("mine")
    with pytest.raises(InputError, match="is there already"):
        sie.adjust(link, **options(tmp_path, market()))
    assert (tmp_path / "adjusted/adjusted.json").read_text() == "mine"


def test_nothing_is_done_where_nothing_moved(tmp_path: Path, link: Path, old_scorer: Path) -> None:
    given = options(tmp_path, market()) | {"state": state_file(tmp_path, drifts=False)}
    result = sie.adjust(link, **given)
    assert result["state"] == "nothing to do" and result["exit_code"] == 0
    assert not (tmp_path / "adjusted/adjusted.json").exists() and link.resolve() == old_scorer.resolve()


def test_a_judge_that_is_paid_for_waits_for_approval(tmp_path: Path, link: Path) -> None:
    judge = sie.Judge("openai", model="m", base_url="http://127.0.0.1:9/v1", price_input=1.0, price_output=1.0)
    given = options(tmp_path, market(), variant="relevance/graded", judge=judge)
    result = sie.adjust(link, **given, sample=50)
    assert result["exit_code"] == 3 and result["state"] == "waits for approval" and result["plan"]["cost"] > 0
    with pytest.raises(InputError, match="costs is not known"):
        sie.adjust(
            link, **{**given, "judge": sie.Judge("openai", model="m", base_url="http://127.0.0.1:9/v1")}, overwrite=True
        )


@pytest.mark.slow
def test_an_adjustment_that_does_not_help_publishes_nothing(tmp_path: Path, link: Path, old_scorer: Path) -> None:
    result = sie.adjust(link, **options(tmp_path, market(agrees=False)), sample=200)
    assert (result["state"], result["verdict"], result["exit_code"]) == ("not published", DO_NOT_USE, 3)
    assert "not certainly better than chance" in result["why"]
    assert link.resolve() == old_scorer.resolve() == Path(result["serves"])
    assert not link.with_name("served.history.json").exists()


@pytest.mark.slow
def test_killed_between_distilling_and_publishing_it_goes_on(tmp_path: Path, link: Path, old_scorer: Path) -> None:
    given = options(tmp_path, market(), sample=200)
    words = {**given, **{name: str(given[name]) for name in ("data", "out", "state")}}
    code = "import json, os, sys; import sie_agent as sie; import sie_agent.commands.adjusting.steps as steps\n"
    code += "steps.publish = lambda *given: os._exit(9)\nsie.adjust(sys.argv[1], **json.loads(sys.argv[2]))"
    surroundings = {**os.environ, "PYTHONPATH": str(CHECKOUT), "OMP_NUM_THREADS": "1"}
    ran = subprocess.run([sys.executable, "-c", code, str(link), json.dumps(words)], env=surroundings, check=False)
    assert ran.returncode == 9 and link.resolve() == old_scorer.resolve()
    told = json.loads((tmp_path / "adjusted/adjusted.json").read_text())
    assert told["state"] == "distilled" and told["verdict"] == USE, told
    model = tmp_path / "adjusted/model/scorer"
    made = {path.name: path.stat().st_mtime_ns for path in model.iterdir()}
    result = sie.adjust(link, **words)
    assert result["state"] == "published" and link.resolve() == (tmp_path / "adjusted/model/scorer").resolve()
    assert made == {path.name: path.stat().st_mtime_ns for path in model.iterdir()}, "distilled twice"
    with scripted_service(409) as address, pytest.raises(ReloadRefused, match="answers 409: no baseline"):
        sie.adjust(link, **{**words, "state": None}, service=address)
    assert link.resolve() == old_scorer.resolve()
    assert json.loads((tmp_path / "adjusted/adjusted.json").read_text())["state"] == "not published"
    (tmp_path / "adjusted/adjusted.json").write_text(json.dumps(told))
    again = sie.adjust(link, **words)
    assert again["state"] == "published" and again["before"] == str(old_scorer.resolve())
    with pytest.raises(InputError, match="is being served"):
        sie.adjust(link, **words, overwrite=True)
    assert sie.adjust(link, roll_back=True)["serves"] == str(old_scorer.resolve())


@contextmanager
def scripted_service(status: int) -> Iterator[str]:
    """A service that answers every request with one error."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            return None

        def do_POST(self) -> None:
            body = b'{"error": {"code": "reload_refused", "message": "no baseline", "field": null}}'
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def send(client: httpx.Client, rows: list[dict[str, Any]], times: int) -> str:
    """Score rows, as a shop does; the version that answered."""
    version = ""
    for _ in range(times):
        for start in range(0, len(rows), 400):
            reply = client.post("/v1/score", json={"samples": rows[start : start + 400]})
            assert reply.status_code == 200, reply.text
            version = reply.json()["scorer"]
    return version


@pytest.mark.slow
def test_a_replay_drift_is_noticed_a_scorer_is_published_and_served_and_rolled_back(tmp_path: Path) -> None:
    """The loop as a whole with a real service: a department changes, and what answers is distilled from its rows."""
    log = market()
    given = options(tmp_path, log, sample=200)
    given.pop("state")
    # until the change nobody clicked anything in the second department
    before = log.assign(label=log["label"].where(log["department"] != "garden", 0.0))
    grades = load_samples("sample", limit=len(log))["grade"]
    link = link_to(tmp_path, train(before.assign(grade=grades), tmp_path / "first", 0))
    wanted = ["sample_id", "query", "title", "label", "department"]
    old, new = (json.loads(table[wanted].to_json(orient="records")) for table in (before, log))
    service: Service = started(["-m", "sie_agent", "serve", "--scorer", str(link), "--port", "0"], None)
    try:
        with service.client() as client:
            first = send(client, old, 10)
            steady = sie.adjust(link, **given, service=service.address)
            assert steady["state"] == "nothing to do" and not (tmp_path / "adjusted/adjusted.json").exists(), steady
            send(client, new, 11)
            result = sie.adjust(link, **given, service=service.address)
            assert result["state"] == "published" and result["verdict"] == USE, result
            assert result["departments"] == ["garden"] and result["judged"] >= 200
            assert send(client, new[:10], 1) == result["reloaded"] != first
            assert client.get("/v1/adjustment").json()["events"] == 10
            back = sie.adjust(link, roll_back=True, service=service.address)
            assert send(client, new[:10], 1) == back["reloaded"] == first
    finally:
        service.stop()


def test_what_a_service_says_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    figure = {"value": 0.5, "level": "distill_again"}
    names = {"garden": {"events": 9, "psi": {"support": figure}}, "kitchen": {"events": 9, "psi": {"support": None}}}
    empty: dict[str, Any] = {name: {} for name in ("labels", "judge_versus_log", "thresholds", "settings")}
    answer = {**empty, "started": "x", "events": 18, "alarms": {}, "mix": None, "told_within_events": {}}
    answer |= {"advice": {"level": "distill_again", "reasons": ["it moved"]}, "departments": names}
    monkeypatch.setattr("sie_agent.commands.adjusting.drifted.talked", lambda *given: answer)
    assert asked_drift("http://h", None) == SeenDrift("distill_again", 18, ("garden",), ("it moved",))
    monkeypatch.setattr("sie_agent.commands.adjusting.drifted.talked", lambda *given: {"hello": 1})
    with pytest.raises(EnvironmentFailure, match="tells no drift"):
        asked_drift("http://h", None)
