"""The client against a real vLLM server. The model is far too small to grade well; the figures are real."""

from __future__ import annotations

import json
import math
import os
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest
import yaml

from sie_agent.commands.doctor import doctor
from sie_agent.errors import EnvironmentFailure
from sie_agent.files.paths import prompts_dir
from sie_agent.judging import JudgmentCache, judge, load_variant, make_backend

from .conftest import NAME, RealServer

pytestmark = pytest.mark.vllm


def judged(
    server: RealServer, cache: JudgmentCache, samples: pd.DataFrame, name: str = "relevance/graded", **more: Any
) -> pd.DataFrame:
    return judge(samples, load_variant(name), make_backend("openai", base_url=server.url, **more), cache)


def changed_variant(path: Path, name: str, **changes: Any) -> str:
    """A variant file like one that ships, with some keys changed."""
    loaded = yaml.safe_load((prompts_dir() / f"{name}.yaml").read_text(encoding="utf-8"))
    path.write_text(yaml.safe_dump({**loaded, **changes}), encoding="utf-8")
    return str(path)


def direct(server: RealServer, messages: Any) -> dict[str, float]:
    """Probabilities of the twenty likeliest first tokens, asked without this project's client."""
    body = {"model": NAME, "messages": messages, "max_tokens": 1, "logprobs": True, "top_logprobs": 20}
    said = httpx.post(f"{server.url}/chat/completions", json={**body, "temperature": 0.0}, timeout=60).json()
    top = said["choices"][0]["logprobs"]["content"][0]["top_logprobs"]
    assert len(top) == 20
    return {entry["token"]: math.exp(entry["logprob"]) for entry in top}


def messages_of(variant: Any, row: pd.Series) -> list[dict[str, str]]:
    """The messages for a row, put together by hand from the variant's file."""
    found = [{"role": "system", "content": variant.system}]

    def shown(query: str, title: str, description: str = "") -> str:
        more = f" | {description}" if description else ""
        return f"<query>{query}</query>\n<item>{title}{more}</item>\nGrade:"

    for example in variant.examples:
        found.append({"role": "user", "content": shown(example.query, example.title, example.description)})
        found.append({"role": "assistant", "content": example.answer})
    return [*found, {"role": "user", "content": shown(row["query"], row["title"])}]


def test_grades_are_the_expectation_of_the_servers_own_probabilities(
    server: RealServer, cache: JudgmentCache, shipped: pd.DataFrame
) -> None:
    pairs = shipped.drop_duplicates("query").head(6).assign(description="", attributes="{}")
    found = judged(server, cache, pairs, concurrency=1)
    assert list(found["status"]) == ["ok"] * 6 and set(found["model"]) == {NAME}
    variant = load_variant("relevance/graded")
    values = {level.token: level.value for level in variant.scale}
    apart: list[float] = []
    for (_, row), score, stored in zip(pairs.iterrows(), found["score"], found["probabilities"], strict=True):
        shares = json.loads(stored)
        assert set(shares) == set(values) and sum(shares.values()) == pytest.approx(1.0)
        assert score == pytest.approx(sum(share * values[token] for token, share in shares.items()))
        top = direct(server, messages_of(variant, row))
        mass = {token: sum(share for text, share in top.items() if text.strip() == token) for token in values}
        expected = {token: part / sum(mass.values()) for token, part in mass.items()}
        # bfloat16 moves with the batch and with what the prefix cache holds: by 0.05 now and then, mostly by far less
        assert shares == pytest.approx(expected, abs=0.1)
        apart += [abs(shares[token] - expected[token]) for token in values]
    assert sum(apart) / len(apart) < 0.03
    assert found["score"].nunique() > 1
    # the grade, and the mark that ends the answer
    assert (found["output_tokens"] == 2).all() and (found["input_tokens"] > 300).all()


def test_an_answer_that_is_no_grade_is_none(
    server: RealServer, cache: JudgmentCache, shipped: pd.DataFrame, tmp_path: Path
) -> None:
    wordy = changed_variant(
        tmp_path / "wordy.yaml",
        "relevance/graded",
        system="You describe products in flowing prose.",
        examples=[],
        user="<query>{{ query }}</query>\n<item>{{ title }}</item>\nDescribe it in one sentence.",
    )
    pairs = shipped.head(4)
    found = judged(server, cache, pairs, wordy)
    # no answer begins with a grade: they are asked for in writing, and say so
    assert found["variant"].str.endswith("+written").all() and found["detail"].str.contains("in writing").all()
    variant = load_variant(wordy)
    asked = f"<query>{pairs['query'][0]}</query>\n<item>{pairs['title'][0]}</item>\nDescribe it in one sentence."
    top = direct(server, [{"role": "system", "content": variant.system}, {"role": "user", "content": asked}])
    assert sum(share for text, share in top.items() if text.strip() in ("0", "1", "2", "3")) < 0.5
    assert judged(server, cache, pairs, wordy)["cached"].all(), "asking again would give the same"


def test_written_answers_keep_to_the_schema(server: RealServer, cache: JudgmentCache, shipped: pd.DataFrame) -> None:
    found = judged(server, cache, shipped.iloc[[0, 50, 100, 150]], "relevance/written")
    assert list(found["status"]) == ["ok"] * 4
    assert found["score"].isin([0.0, 0.3333, 0.6667, 1.0]).all()
    assert (found["detail"].str.len() > 0).all() and (found["output_tokens"] > 5).all()
    assert set(found["variant"]) == {"relevance/written"}


def test_the_prefix_cache_is_hit(server: RealServer, cache: JudgmentCache, shipped: pd.DataFrame) -> None:
    judged(server, cache, shipped.tail(1), concurrency=1)  # so that the examples are in it
    hits, asked = server.metric("vllm:prefix_cache_hits_total"), server.metric("vllm:prefix_cache_queries_total")
    found = judged(server, cache, shipped.tail(12), concurrency=2)
    hits, asked = (
        server.metric("vllm:prefix_cache_hits_total") - hits,
        server.metric("vllm:prefix_cache_queries_total") - asked,
    )
    assert (~found["cached"]).sum() == 11
    assert asked == found.loc[~found["cached"], "input_tokens"].sum()
    assert hits > 0.8 * asked, "the rubric and the examples are the same for all pairs"


def test_health_and_models(server: RealServer, monkeypatch: pytest.MonkeyPatch) -> None:
    assert httpx.get(f"{server.root}/health").status_code == 200
    assert make_backend("openai", base_url=server.url).model == NAME
    monkeypatch.setenv("VLLM_BASE_URL", server.url)
    (check,) = [check for check in doctor()["checks"] if check["name"] == "VLLM_BASE_URL"]
    assert check["status"] == "ok" and f"1 model: {NAME}" in check["found"]


def test_a_wrong_model_names_the_one_that_is_served(
    server: RealServer, cache: JudgmentCache, shipped: pd.DataFrame
) -> None:
    with pytest.raises(EnvironmentFailure, match=f"no model 'gpt-9'.*It serves: {NAME}"):
        judged(server, cache, shipped.head(3), model="gpt-9")
    assert cache.stats()["entries"] == 0


def test_a_too_long_prompt_is_that_pairs_alone(
    server: RealServer, cache: JudgmentCache, shipped: pd.DataFrame, tmp_path: Path
) -> None:
    roomy = changed_variant(tmp_path / "roomy.yaml", "relevance/graded", max_description_chars=50_000)
    pairs = shipped.head(4).reset_index(drop=True)
    pairs.loc[2, "description"] = "a sturdy thing of oak and brass " * 600
    found = judged(server, cache, pairs, roomy)
    assert list(found["status"]) == ["ok", "ok", "too-long", "ok"]
    assert "2048" in found["detail"][2]


def test_from_the_command_line(server: RealServer, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sie_agent", "--output", "json", "label", "--data", "sample", "--limit", "8"]
    command += ["--variant", "relevance/graded", "--variant", "clarity/graded", "--backend", "openai"]
    command += ["--base-url", server.root, "--out", str(tmp_path / "out")]
    surroundings = {**os.environ, "SIE_CACHE_DIR": str(tmp_path / "cache")}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=surroundings)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    judgments = pd.read_parquet(said["judgments"])
    assert said["model"] == NAME and said["ok"] == len(judgments) > 8
    assert set(judgments["aspect"]) == {"relevance", "clarity"} and judgments["score"].between(0, 1).all()


def kept(path: Path) -> int:
    """How many answers are on disk, seen from outside."""
    try:
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
            return int(connection.execute("SELECT count(*) FROM judgments").fetchone()[0])
    except sqlite3.OperationalError:
        return 0


class InBackground(threading.Thread):
    """A run of the judge in a thread, with a cache file of its own."""

    def __init__(self, server: RealServer, pairs: pd.DataFrame, path: Path, patience: float) -> None:
        super().__init__(daemon=True)
        self._server, self._pairs, self.path, self._patience = server, pairs, path, patience
        self.found: pd.DataFrame | None = None
        self.failure: Exception | None = None

    def run(self) -> None:
        options = {"patience": self._patience, "timeout": 30.0}
        try:
            with JudgmentCache(self.path) as cache:
                self.found = judged(self._server, cache, self._pairs, concurrency=4, options=options)
        except EnvironmentFailure as failure:
            self.failure = failure


def test_a_server_that_is_killed_half_way(server: RealServer, shipped: pd.DataFrame, tmp_path: Path) -> None:
    # so many that a fast machine is still in the middle of the first run when the second has begun
    pairs = shipped.drop_duplicates(["query", "item_id"]).iloc[60:560]
    hasty = InBackground(server, pairs, tmp_path / "hasty.sqlite", patience=2.0)
    patient = InBackground(server, pairs, tmp_path / "patient.sqlite", patience=300.0)
    # one after the other: started together, one may be through before the other has begun
    for run in (patient, hasty):
        run.start()
        until(lambda path=run.path: kept(path) >= 5, seconds=60)
    assert patient.found is None and hasty.found is None, "too few pairs to be in the middle of them"
    group = server.kill()
    hasty.join(timeout=60)
    assert hasty.failure is not None and "what was answered is kept" in str(hasty.failure)
    until(lambda: not alive(group), seconds=15)
    answered = kept(hasty.path)
    assert 5 <= answered < len(pairs), "the kill came too late to see anything"

    server.start()
    patient.join(timeout=150)
    assert patient.failure is None and patient.found is not None, "a server that comes back is waited for"
    # a model as small as this one may give a pair no grade; the server's death makes no such pair
    assert set(patient.found["status"]) <= {"ok", "out-of-scale"} and (patient.found["status"] == "ok").mean() > 0.98

    before = server.metric("vllm:request_success_total")
    with JudgmentCache(hasty.path) as cache:
        again = judged(server, cache, pairs)
    both = (again["status"] == "ok") & (patient.found["status"] == "ok")
    assert both.mean() > 0.96 and again["cached"].sum() == answered
    asked = server.metric("vllm:request_success_total") - before
    # what is not read before the first grade is asked once more, in writing
    assert len(pairs) - answered <= asked <= len(pairs) - answered + 3
    assert again["score"][both].tolist() == pytest.approx(patient.found["score"][both].tolist(), abs=0.05)


def until(holds: Any, *, seconds: float) -> None:
    """Wait until something holds; fail if it does not."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)


def alive(group: int) -> bool:
    """Whether a process of the group runs; one that only waits to be reaped does not."""
    listed = subprocess.run(["ps", "-e", "-o", "pgid=,stat="], capture_output=True, text=True).stdout.splitlines()
    return any(int(line.split()[0]) == group and not line.split()[1].startswith("Z") for line in listed)
