"""`sie compare-prompts` where a variant fails completely: the others are compared, and the cause stands beside it."""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from sie_agent.cli import main
from sie_agent.commands.compare_prompts import compare_prompts
from sie_agent.commands.judges import Judge
from sie_agent.errors import EnvironmentFailure, InputError
from sie_agent.files.paths import prompts_dir

from ..judging.scripted_server import Reply, Script, Scripted, completion, error, scripted_server
from .conftest import Workshop, shop

pytestmark = pytest.mark.slow

MARK = "ANOTHER WAY TO ASK"
PAIRS = 24


@pytest.fixture
def data(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-of-the-test")
    monkeypatch.setattr("sie_agent.judging.backends.http.openai.FIRST_BACKOFF", 0.01)
    monkeypatch.setenv("SIE_CACHE_DIR", str(workshop.folder))
    return workshop.data(shop(8, 3))


def variant(folder: Path, name: str, mark: str = "") -> str:
    """A copy of the variant that ships, told from others by a mark in its prompt."""
    content = yaml.safe_load((prompts_dir() / "relevance" / "graded.yaml").read_text(encoding="utf-8"))
    path = folder / "relevance" / f"{name}.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(yaml.safe_dump({**content, "system": f"{content.get('system') or ''} {mark}"}))
    return str(path)


def right(body: dict[str, Any]) -> Reply:
    high = 0.2 + 0.6 * (len(json.dumps(body["messages"])) % 7) / 7
    return Reply(body=completion("3", top={"3": math.log(high), "0": math.log(1 - high)}))


def without(reply: Callable[[int], Reply]) -> Script:
    """A server that answers all but the marked variant, to which it gives another reply."""

    def script(body: dict[str, Any], number: int) -> Reply:
        return reply(number) if MARK in json.dumps(body) else right(body)

    return script


def compare(data: Path, server: Scripted, variants: list[str], **more: Any) -> dict[str, Any]:
    cache = data.parent / "judgments.sqlite"
    asked = Judge(backend="openai", base_url=server.url, model="m")
    return compare_prompts(data, variants, data.parent / "out", judge=asked, cache_path=cache, **more)


REFUSED = "the template of this prompt is not allowed (request r{}x{})"


@pytest.mark.parametrize("place", [0, 1])
def test_a_variant_of_which_every_pair_is_rejected_is_left_out(data: Path, place: int) -> None:
    names = [variant(data.parent, "plain"), variant(data.parent, "terse", "TERSE")]
    names.insert(place, variant(data.parent, "odd", MARK))
    script = without(lambda number: Reply(422, error(REFUSED.format(number, number * 7))))
    with scripted_server(script) as server:
        result = compare(data, server, names)
    assert result["exit_code"] == 3
    assert [row["variant"] for row in result["variants"]] == [name for name in names if "odd" not in name]
    assert result["baseline"] == result["variants"][0]["variant"]
    assert {row["variant"] for row in result["differences"]} == {result["variants"][1]["variant"]}
    (failed,) = result["failed"]
    assert failed["variant"] == names[place]
    assert failed["cause"].startswith(f'judged 0 of {PAIRS} pairs (rejected {PAIRS}: "')
    assert "the template of this prompt is not allowed" in failed["cause"] and len(failed["cause"]) < 300
    out = data.parent / "out"
    assert json.loads((out / "comparison.json").read_text())["failed"] == [failed]
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["failed"] == [failed] and manifest["counts"]["failed"] == PAIRS
    assert pd.read_parquet(out / "judgments.parquet")["score"].notna().sum() == 2 * PAIRS


def test_one_variant_that_is_left_is_shown_alone(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = [variant(data.parent, "odd", MARK), variant(data.parent, "plain")]
    with scripted_server(without(lambda _: Reply(422, error("not allowed here")))) as server:
        options = ["--data", str(data), "--backend", "openai", "--base-url", server.url, "--model", "m"]
        code = main(["compare-prompts", *options, "--variants", *names, "--out", str(data.parent / "out")])
    shown = capsys.readouterr().out.splitlines()
    assert code == 3
    assert any(line.startswith(names[1]) and "the base" in line for line in shown)
    assert any(line.startswith(names[0]) and "all" in line and "not allowed here" in line for line in shown)
    assert f"{names[0]} failed, so {names[1]} is the base of the comparison." in shown


def test_a_server_that_breaks_down_in_the_middle_costs_one_variant_and_is_asked_the_rest(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The key is refused from the 10th question of one variant on; later, only what is missing is asked."""
    monkeypatch.setattr("sie_agent.judging.backends.http.pool.TEST_SECONDS", 1.0)
    asked: list[int] = []
    names = [variant(data.parent, "plain"), variant(data.parent, "odd", MARK)]

    def breaking(body: dict[str, Any], number: int) -> Reply:
        if MARK not in json.dumps(body) and len(body["messages"]) > 1:
            return right(body)
        asked.append(number)
        return right(body) if len(asked) < 10 else Reply(401, error("this key was taken back", "invalid_api_key"))

    with scripted_server(breaking) as server:
        result = compare(data, server, names)
    assert result["exit_code"] == 3 and len(result["variants"]) == 1
    (failed,) = result["failed"]
    assert failed["variant"] == names[1] and "key" in failed["cause"]
    with scripted_server(lambda body, _: right(body)) as healed:
        again = compare(data, healed, names)
    assert again["exit_code"] == 0 and again["failed"] == [] and len(again["variants"]) == 2
    assert 0 < len(healed.bodies) <= PAIRS - 5 and all(MARK in json.dumps(body) for body in healed.bodies)


def test_an_answer_to_a_question_from_before_does_not_hide_that_the_key_was_taken_back(data: Path) -> None:
    """One good answer, asked before, comes while all others are asked for the second time."""
    names = [variant(data.parent, "plain"), variant(data.parent, "odd", MARK)]
    seen: list[str] = []
    second = threading.Event()

    def breaking(body: dict[str, Any], number: int) -> Reply:
        text = json.dumps(body)
        if MARK not in text and len(body["messages"]) > 1:
            return right(body)
        seen.append(text)
        if len(seen) - len(set(seen)) == PAIRS - 9:
            second.set()
        if len(seen) < 9:
            return right(body)
        if len(seen) == 9:
            second.wait(10.0)
            return right(body)
        time.sleep(0.2)
        return Reply(401, error("this key was taken back", "invalid_api_key"))

    with scripted_server(breaking) as server:
        result = compare(data, server, names)
    assert [failed["variant"] for failed in result["failed"]] == names[1:]


def test_a_variant_that_the_backend_cannot_answer_is_refused_before_anything_is_asked(data: Path) -> None:
    names = ["relevance/query-likelihood", variant(data.parent, "plain"), variant(data.parent, "terse", "TERSE")]
    refused = pytest.raises(InputError, match="which backend 'openai' cannot do")
    with scripted_server(lambda body, _: right(body)) as server, refused as caught:
        compare(data, server, names)
    assert caught.value.hint is not None and "Use backend 'local'" in caught.value.hint
    assert server.bodies == [] and not (data.parent / "out").exists()


def test_money_is_counted_over_all_variants(data: Path) -> None:
    names = [variant(data.parent, "plain"), variant(data.parent, "terse", "TERSE")]
    with scripted_server(lambda body, _: right(body)) as server:
        asked = Judge(backend="openai", base_url=server.url, model="m", price_input=10.0, price_output=0.0)
        # an answer costs 0.001: those of one variant and some of the other
        cache = data.parent / "judgments.sqlite"
        limit = 0.001 * (PAIRS + 20)
        result = compare_prompts(data, names, data.parent / "out", judge=asked, max_cost=limit, cache_path=cache)
        rows = {row["variant"]: row for row in result["variants"]}
        assert result["stopped"] == "cost" and PAIRS <= len(server.bodies) < 2 * PAIRS
        assert result["cost"] == pytest.approx(0.001 * len(server.bodies)) and result["next_may_cost"] > 0.001
        assert rows[names[0]]["n_failed"] == 0 and rows[names[1]]["reasons"][0]["status"] == "not-asked"
        more = compare_prompts(data, names, data.parent / "out", judge=asked, cache_path=cache)
    assert more["exit_code"] == 0 and len(server.bodies) == 2 * PAIRS


def test_answers_that_are_no_grade_are_asked_again_only_where_that_is_wanted(data: Path) -> None:
    names = [variant(data.parent, "plain"), variant(data.parent, "odd", MARK)]
    few = without(
        lambda number: Reply(body=completion("hm", top={"hm": -0.01})) if number % 2 else right({"messages": number})
    )
    with scripted_server(few) as server:
        first = compare(data, server, names)
    assert first["failed_for_good"] == first["n_without_grade"] > 0
    with scripted_server(lambda body, _: right(body)) as healed:
        assert compare(data, healed, names)["n_without_grade"] == first["n_without_grade"] and not healed.bodies
        again = compare(data, healed, names, retry_failed=True)
        assert len(healed.bodies) == first["failed_for_good"] and again["exit_code"] == 0


def test_where_all_fail_nothing_is_written(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = [variant(data.parent, "plain"), variant(data.parent, "odd", MARK)]
    with scripted_server(lambda *_: Reply(422, error("temperature must be > 0"))) as server:
        with pytest.raises(EnvironmentFailure, match=r'no variant gave a judgment.*"temperature must be > 0'):
            compare(data, server, names)
        options = ["--data", str(data), "--backend", "openai", "--base-url", server.url, "--model", "m"]
        code = main(["compare-prompts", *options, "--variants", *names, "--out", str(data.parent / "out")])
    assert code == 1 and not (data.parent / "out").exists()
    assert "temperature must be > 0" in capsys.readouterr().err
    with pytest.raises(EnvironmentFailure, match="cannot be reached"):
        compare(data, server, names)


def test_settings_that_are_wrong_are_found_before_anything_is_asked(data: Path) -> None:
    broken = data.parent / "relevance" / "broken.yaml"
    broken.parent.mkdir(exist_ok=True)
    broken.write_text("method: [")
    with scripted_server(lambda body, _: right(body)) as server:
        for name in ("relevance/nowhere", str(broken)):
            with pytest.raises(InputError):
                compare(data, server, [variant(data.parent, "plain"), name])
    assert not server.bodies and not (data.parent / "out").exists()


def test_variants_without_a_pair_in_common_are_told(data: Path) -> None:
    """Each refuses what the other answers: the one with more grades is shown."""

    def script(body: dict[str, Any], number: int) -> Reply:
        few = hash_of(body) % 4 == 0
        return right(body) if few == (MARK in json.dumps(body)) else Reply(422, error("no such words"))

    names = [variant(data.parent, "odd", MARK), variant(data.parent, "plain")]
    with scripted_server(script) as server:
        result = compare(data, server, names)
    assert [row["variant"] for row in result["variants"]] == names[1:] and result["exit_code"] == 3
    cause = result["failed"][0]["cause"]
    assert f"none of which {names[1]} judged too" in cause and "no such words" in cause
    row = result["variants"][0]
    assert row["n_failed"] and row["reasons"][0]["status"] == "rejected"


def hash_of(body: dict[str, Any]) -> int:
    """A number of the pair, whatever the variant."""
    return sum(body["messages"][-1]["content"].encode())
