"""A small log that was judged, and a server that grades, writes profiles and calls tools as a script says."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from sie_agent.judging import JUDGMENT_COLUMNS, Backend, JudgmentCache, PricePart, make_backend
from sie_agent.utils.progress import set_quiet

from ..judging.scripted_server import Reply, Scripted, completion

QUERIES = ("garden hose", "office chair", "copper kettle", "desk lamp")
KINDS = ("Rubber Garden Hose", "Mesh Office Chair", "Whistling Copper Kettle", "Brass Desk Lamp", "Hose Reel Cart")
PROFILE = {"type": "kettle", "brand": "", "sold_as": "the product itself", "for": "boiling", "details": "2 qt"}
# a model's choices, one request after the other of a pair; arguments as text, or none for no call at all
Call = tuple[str, str] | None


def log_of(count: int = 20) -> pd.DataFrame:
    """Every query with every kind of thing, numbered; labels where query and thing share a word."""
    pairs = [(query, f"{kind} {number}") for number in range(count) for query in QUERIES for kind in KINDS][:count]
    shared = [bool(set(query.split()) & set(title.lower().split())) for query, title in pairs]
    return pd.DataFrame(
        {
            "sample_id": [f"s{number}" for number in range(count)],
            "query": [query for query, _ in pairs],
            "item_id": [f"i{number}" for number in range(count)],
            "title": [title for _, title in pairs],
            "description": "",
            "attributes": [json.dumps({"department": title.split()[1].lower()}) for _, title in pairs],
            "label": [float(one) for one in shared],
            "grade": [0.5] * count,
            "user_id": "",
            "history": ["[]"] * count,
            "timestamp": "",
        }
    )


def judged_of(log: pd.DataFrame, **columns: Any) -> pd.DataFrame:
    """One-pass judgments, each less sure than the one before it."""
    count = len(log)
    shares = [0.5 + 0.45 * (count - 1 - number) / max(count - 1, 1) for number in range(count)]
    spread = [{"0": 1 - share, "1": 0.0, "2": 0.0, "3": share} for share in shares]
    told: dict[str, Any] = {name: log[name] for name in ("sample_id", "query", "item_id")}
    told |= {"aspect": "relevance", "variant": "relevance/graded", "model": "m", "endpoint": "", "score": shares}
    told |= {"probabilities": [json.dumps(one) for one in spread], "status": "ok", "detail": "", "cached": False}
    told |= {"entropy": [-sum(p * math.log(p) for p in one.values() if p) for one in spread], "latency_ms": 0.0}
    table = pd.DataFrame({**told, "input_tokens": 0, "output_tokens": 0, **columns})
    return table[list(JUDGMENT_COLUMNS)].astype({"probabilities": "string"})


def graded(token: str, share: float = 0.97, **usage: int) -> dict[str, Any]:
    """A graded answer: *share* on one grade, the rest on the opposite one."""
    other = "0" if token == "3" else "3"
    answer = completion(token, top={token: math.log(share), other: math.log(1 - share)})
    return {**answer, "usage": usage} if usage else answer


def written(content: dict[str, Any], **usage: int) -> dict[str, Any]:
    """A written answer."""
    answer = completion(json.dumps(content))
    return {**answer, "usage": usage} if usage else answer


def called(call: Call, **usage: int) -> dict[str, Any]:
    """An answer that calls a tool."""
    message: dict[str, Any] = {"role": "assistant", "content": None if call else "I know enough."}
    if call is not None:
        name, arguments = call
        function = {"name": name, "arguments": arguments}
        message["tool_calls"] = [{"id": "c1", "type": "function", "function": function}]
    answer = completion(None, message=message, finish_reason="tool_calls" if call else "stop")
    return {**answer, "usage": usage} if usage else answer


def judge_script(
    choose: Callable[[dict[str, Any]], Call] = lambda body: None,
    grade: Callable[[str], tuple[str, float]] = lambda text: ("3", 0.97) if "<evidence>" in text else ("3", 0.5),
    **usage: int,
) -> Callable[[dict[str, Any], int], Reply]:
    """A server: *choose* says which tool it calls, *grade* the grade and its share of a question's last message."""

    def script(body: dict[str, Any], number: int) -> Reply:
        if body.get("tools"):
            return Reply(body=called(choose(body), **usage))
        if body.get("logprobs"):
            return Reply(body=graded(*grade(body["messages"][-1]["content"]), **usage))
        return Reply(body=written({**PROFILE, "grade": "2"}, **usage))

    return script


def asked_kinds(server: Scripted) -> list[str]:
    """Of each request: a choice, a grade or a profile."""
    return ["choice" if one.get("tools") else "grade" if one.get("logprobs") else "profile" for one in server.bodies]


def query_in(body: dict[str, Any]) -> str:
    """The query that a request is about."""
    found = re.search(r"<query>(.*?)</query>", body["messages"][-1]["content"])
    return found.group(1) if found else ""


def server_backend(server: Scripted, *, price: bool = False, **more: Any) -> Backend:
    """A judge at a scripted server."""
    given = {"price": PricePart(input=1.0, output=1.0)} if price else {}
    return make_backend("openai", base_url=server.url, model="m", **given, **more)


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[JudgmentCache]:
    with JudgmentCache(tmp_path / "judgments.sqlite") as opened:
        yield opened


@pytest.fixture(autouse=True)
def quiet_and_alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No bars, and no server or key of the person who runs the tests."""
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "VLLM_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    set_quiet(True)
    yield
    set_quiet(False)
