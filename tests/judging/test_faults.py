"""A server that fails in every way there is: the run ends, causes are named, no wrong grade appears."""

from __future__ import annotations

import json
import math
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from sie_agent.cli import main
from sie_agent.judging.backends.http.openai import DEFAULT_RETRIES

from .scripted_server import Reply, Scripted, completion, error, scripted_server

pytestmark = pytest.mark.slow

SECRET = "sk-faulty-0123456789abcdef"
COUNT = 120
GRADES = {"0": 0.0, "1": 0.3333, "2": 0.6667, "3": 1.0}
HALF = json.dumps(completion("1", top={"1": 0.0})).encode()[:60]
FAULTS: dict[str, tuple[Callable[[], Reply], str]] = {
    "429": (lambda: Reply(429, error("slow down"), headers={"Retry-After": "0"}), "rate-limited"),
    "500": (lambda: Reply(500, error(f"oops, you sent {SECRET}")), "server-error"),
    "hang": (lambda: Reply(body=completion("3", top={"3": 0.0}), delay=1.2), "timeout"),
    "cut": (lambda: Reply(body=completion("3", top={"3": 0.0}), cut=True), "connection"),
    "half": (lambda: Reply(body=HALF), "malformed"),
    "shape": (lambda: Reply(body={"choices": "none", "grade": "3"}), "malformed"),
    "empty": (lambda: Reply(body={**completion("3"), "choices": []}), "malformed"),
    "nan": (lambda: Reply(body=completion("3", top={"3": math.nan})), "bad-logprobs"),
    "outside": (lambda: Reply(body=completion("7", top={"7": 0.0})), "out-of-scale"),
    "refusal": (
        lambda: Reply(body=completion(None, message={"role": "assistant", "content": None, "refusal": "I will not"})),
        "refused",
    ),
}


def number_of(body: dict[str, Any]) -> int:
    """The pair's number, as its title has it; -1 for a test question."""
    text = body["messages"][-1]["content"]
    return int(text.split("thing ")[1].split("<")[0]) if "thing " in text else -1


def fault_of(number: int) -> str | None:
    """The fault of a pair, the same each time; 30 % have one."""
    drawn = zlib.crc32(f"pair {number}".encode()) % 100
    return list(FAULTS)[drawn % 10] if drawn < 30 else None


def right(number: int) -> Reply:
    token = str(number % 4)
    return Reply(body=completion(token, top={token: math.log(0.97), "x": math.log(0.03)}))


def faulty(body: dict[str, Any], asked: int) -> Reply:
    number = number_of(body)
    fault = fault_of(number) if number >= 0 else None
    return FAULTS[fault][0]() if fault else right(max(number, 0))


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SIE_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    monkeypatch.setattr("sie_agent.judging.backends.http.openai.FIRST_BACKOFF", 0.02)
    path = tmp_path / "log.csv"
    rows = [f"s{number},query {number % 30},i{number},thing {number},1" for number in range(COUNT)]
    path.write_text("sample_id,query,item_id,title,label\n" + "\n".join(rows) + "\n")
    return path


def label(server: Scripted, log: Path, *more: str) -> int:
    fixed = ["--variant", "relevance/graded", "--backend", "openai", "--base-url", server.url, "--model", "m"]
    settings = ["--timeout", "0.6", "--concurrency", "16", "--patience", "20", "--quiet"]
    return main(["label", "--data", str(log), "--out", str(log.parent / "out"), *fixed, *settings, *more])


def table(log: Path) -> pd.DataFrame:
    return pd.read_parquet(log.parent / "out" / "judgments.parquet")


def test_every_pair_has_a_grade_or_a_cause(log: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with scripted_server(faulty) as server:
        code = label(server, log, "--log-json", str(log.parent / "events.jsonl"))
    assert code == 3
    found = table(log)
    assert len(found) == COUNT
    numbers = found["sample_id"].str[1:].astype(int)
    faults = [fault_of(number) for number in numbers]
    assert 0.2 < sum(fault is not None for fault in faults) / COUNT < 0.4 and set(faults) == {None, *FAULTS}
    for number, fault, row in zip(numbers, faults, found.to_dict("records"), strict=True):
        if fault is None:
            assert row["status"] == "ok" and row["score"] == pytest.approx(GRADES[str(number % 4)])
        else:
            assert row["status"] == FAULTS[fault][1] and math.isnan(row["score"]) and row["detail"]
    shown = "".join(capfd.readouterr())
    everything = [path.read_bytes() for path in log.parent.rglob("*") if path.is_file()]
    assert SECRET not in shown and all(SECRET.encode() not in content for content in everything)


def test_what_failed_is_asked_again_and_nothing_else(log: Path) -> None:
    with scripted_server(faulty) as server:
        assert label(server, log) == 3
    lasting = {name for name, (_, status) in FAULTS.items() if status in ("bad-logprobs", "out-of-scale", "refused")}
    passing = {number for number in range(COUNT) if fault_of(number) and fault_of(number) not in lasting}
    failed = {number for number in range(COUNT) if fault_of(number)}
    with scripted_server(lambda body, _: right(number_of(body))) as healed:
        assert label(healed, log) == 3
        assert sorted(map(number_of, healed.bodies)) == sorted(passing)
    with scripted_server(lambda body, _: right(number_of(body))) as healed:
        assert label(healed, log, "--retry-failed") == 0
        assert sorted(map(number_of, healed.bodies)) == sorted(failed - passing)
    assert (table(log)["status"] == "ok").all()
    with scripted_server(lambda body, _: right(number_of(body))) as healed:
        assert label(healed, log) == 0 and not healed.bodies


def test_faults_that_pass_leave_no_trace(log: Path) -> None:
    """30 % of requests fail at random, none so often that it is given up: all pairs get their grade."""
    failed: Counter[int] = Counter()

    def script(body: dict[str, Any], asked: int) -> Reply:
        passing, number = ["429", "500", "cut", "half", "shape", "empty"], number_of(body)
        drawn = zlib.crc32(f"request {asked}".encode()) % 100
        if drawn >= 30 or failed[number] == DEFAULT_RETRIES:
            return right(max(number, 0))
        failed[number] += 1
        return FAULTS[passing[drawn % 6]][0]()

    with scripted_server(script) as server:
        # no request hangs here: a busy machine is not to look like a server that does
        assert label(server, log, "--timeout", "20", "--patience", "120") == 0
    found = table(log)
    wanted = found["sample_id"].str[1:].astype(int).map(lambda number: GRADES[str(number % 4)])
    assert found["score"].tolist() == pytest.approx(wanted.tolist())
    manifest = json.loads((log.parent / "out" / "manifest.json").read_text())
    server_facts = manifest["judge"]["servers"][0]
    assert server_facts["answers"] == COUNT and sum(server_facts["failures"].values()) > 15
