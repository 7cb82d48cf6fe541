"""A log whose texts are broken, and servers that say strange things: every pair has its grade or a status."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from sie_agent.cli import main
from sie_agent.commands.judges import Judge
from sie_agent.commands.label import label
from sie_agent.judging import JudgmentCache, judge, load_variant, make_backend

from ..judging.scripted_server import Reply, completion, scripted_server

HALF = "\ud83d"
STRANGE = {
    "sample_id": f"s{HALF}1",
    "query": f"garden{HALF} hose\x00 \x1b[31m",
    "item_id": f"i{HALF}",
    "title": f"Rubber{HALF} hose\x07",
    "description": "\udc00 line\nline \x1b]0;title\x07",
    "attributes": json.dumps({f"col{HALF}our": f"red\x00{HALF}"}),
    "label": 1,
}
PLAIN = {**dict.fromkeys(STRANGE, ""), "sample_id": "s2", "query": "kettle", "item_id": "i2", "title": "Kettle"}
TOP = {"3": math.log(0.9), "2": math.log(0.1)}


def sie(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any, str]:
    code = main([*arguments, "--output", "json"])
    shown = capsys.readouterr()
    return code, json.loads(shown.out or shown.err), shown.err


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIE_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setattr("sie_agent.judging.backends.http.openai.FIRST_BACKOFF", 0.01)


def written(path: Path, rows: list[dict[str, Any]]) -> Path:
    rows = [{**row, "attributes": row["attributes"] or "{}", "label": 1} for row in rows]
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        # what CSV can hold, as UTF-8: all but halves of surrogate pairs
        frame = pd.DataFrame(rows, dtype=object).map(lambda value: str(value).replace(HALF, "").replace("\udc00", ""))
        path.write_text(frame.to_csv(index=False))
    return path


@pytest.mark.parametrize("backend", ["openai", "lexical"])
@pytest.mark.parametrize("ending", ["jsonl", "csv"])
def test_a_log_with_broken_texts_is_judged_and_judged_again(
    backend: str, ending: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = written(tmp_path / f"log.{ending}", [STRANGE, PLAIN])
    with scripted_server(lambda body, number: Reply(body=completion("3", top=TOP))) as server:
        arguments = ["label", "--data", str(log), "--out", str(tmp_path / "out"), "--backend", backend]
        arguments += ["--variant", "relevance/graded" if backend == "openai" else "relevance/lexical"]
        if backend == "openai":
            arguments += ["--base-url", server.url, "--model", "m"]
        code, told, _ = sie(capsys, *arguments)
        found = pd.read_parquet(tmp_path / "out" / "judgments.parquet")
        assert (code, told["ok"], told["failed"]) == (0, 2, 0)
        half = "\ufffd" if ending == "jsonl" else ""
        assert found["sample_id"].tolist() == [f"s{half}1", "s2"] and found["query"][0] == f"garden{half} hose   [31m"
        assert found["item_id"][0] == f"i{half}" and found["score"].min() > 0.3
        # every byte that was sent was UTF-8, and held no control character
        for body in server.bodies:
            assert all(character.isprintable() or character == "\n" for character in body["messages"][-1]["content"])
        asked = len(server.bodies)
        code, told, _ = sie(capsys, *arguments)
        assert (code, told["cached"], told["asked"], len(server.bodies)) == (0, 2, 0, asked)
    assert main(arguments) == 0
    said = capsys.readouterr().err
    assert ("Broken Unicode in the column 'query': in 1 text," in said) == (ending == "jsonl")


@pytest.mark.parametrize("dtype", [object, "string[python]"])
def test_a_frame_with_broken_texts_is_judged(dtype: Any, tmp_path: Path) -> None:
    samples = pd.DataFrame([STRANGE, PLAIN, {**STRANGE, "sample_id": 7, "title": None}], dtype=object)
    if isinstance(dtype, str):
        samples = samples.astype(dict.fromkeys(("query", "title", "item_id"), dtype))
    with (
        scripted_server(lambda body, number: Reply(body=completion("3", top=TOP))) as server,
        JudgmentCache(tmp_path / "cache.sqlite") as cache,
    ):
        openai = make_backend("openai", model="m", base_url=server.url)
        for name, backend in (("graded", openai), ("lexical", make_backend("lexical"))):
            found = judge(samples, load_variant(f"relevance/{name}"), backend, cache)
            assert set(found["status"]) == {"ok"}
            assert found["sample_id"].tolist() == ["s\ufffd1", "s2", 7]
            found.drop(columns="sample_id").to_parquet(tmp_path / "judgments.parquet")
            assert judge(samples, load_variant(f"relevance/{name}"), backend, cache)["cached"].all()
        found = judge(samples, load_variant("clarity/graded"), openai, cache)
        assert found["query"].tolist() == ["garden\ufffd hose\x00 \x1b[31m", "kettle"]


STRANGERS: dict[str, Any] = {
    "nested": b"[" * 100_000,
    "nested in a field": b'{"choices": ' + b"[" * 100_000,
    "tokens": {**completion("3", top=TOP), "usage": {"prompt_tokens": 1e20, "completion_tokens": 10**30}},
    "tokens of no kind": {**completion("3", top=TOP), "usage": {"prompt_tokens": True, "completion_tokens": "9"}},
    "a long number": json.dumps(completion("3", top=TOP)).replace("-0.1", "-0." + "1" * 400).encode(),
    "a longer number": json.dumps(completion("3", top=TOP)).replace("-0.1", "-" + "9" * 400).encode(),
    "the longest number": json.dumps(completion("3", top=TOP)).replace("-0.1", "-" + "9" * 5000).encode(),
    "NaN": json.dumps(completion("3", top=TOP)).replace("-0.1", "NaN").encode(),
    "half a pair": completion("\ud800", top={"\ud800": math.log(0.9), "3": math.log(0.1)}),
    "half a pair as a refusal": completion(None, message={"refusal": "no \ud800\x1b[2J"}, finish_reason="stop"),
    "a strange name": {**completion("3", top=TOP), "model": "\ud800\x1b[31m" + "x" * 500},
    "a name that is none": {**completion("3", top=TOP), "model": ["m"]},
    "bytes that are not text": b'{"choices": "\xff\xfe"}',
}


@pytest.mark.parametrize("kind", STRANGERS)
def test_what_a_strange_server_says_is_a_pairs_status_and_never_the_end(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = written(tmp_path / "log.jsonl", [STRANGE, PLAIN])

    def script(body: dict[str, Any], number: int) -> Reply:
        strange = "kettle" in str(body["messages"][-1]["content"])
        return Reply(body=STRANGERS[kind] if strange else completion("3", top=TOP))

    with scripted_server(script) as server:
        options = {"max_retries": 1, "timeout": 5.0}
        judge = Judge("openai", "m", server.url, price_input=1.0, price_output=1.0, options=options)
        for _ in range(2):
            told = label(log, tmp_path / "out", variant="relevance/graded", judge=judge, max_cost=5.0)
            assert told["ok"] >= 1 and 0.0 <= told["cost"] < 1.0
            assert 0 <= told["tokens"]["input"] <= 10**6
            found = pd.read_parquet(tmp_path / "out" / "judgments.parquet")
            assert found["status"][0] == "ok" and all(text.isprintable() for text in found["detail"])
        assert sie(capsys, "cache", "stats")[0] == 0
        assert sie(capsys, "cache", "export", "--out", str(tmp_path / "all.jsonl"))[1]["damaged"] == 0
