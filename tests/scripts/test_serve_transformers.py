"""The server over transformers: answers are those of the model called directly, alone and in company."""

from __future__ import annotations

import importlib
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from sie_agent.judging import JudgmentCache, judge, load_variant, make_backend
from sie_agent.samples import load_samples, without_grade

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def script() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT))
        yield importlib.import_module("scripts.tools.serve_transformers")


TOOLS = [{"type": "function", "function": {"name": "look_up", "parameters": {}}}]


@pytest.mark.parametrize(
    "text",
    [
        '<tool_call>\n{"name": "look_up", "arguments": {"word": "kettle"}}\n</tool_call>',
        'I will look.<tool_call>{"name": "look_up", "arguments": {"word": "kettle"}}</tool_call>',
        '{"name": "look_up", "arguments": {"word": "kettle"}}',
        '```json\n{"name": "look_up", "arguments": {"word": "kettle"}}\n```',
    ],
)
def test_calls_of_tools_are_read(script: ModuleType, text: str) -> None:
    (call,) = script.calls_in(text, {"look_up"})
    assert call["function"]["name"] == "look_up"
    assert json.loads(call["function"]["arguments"]) == {"word": "kettle"}


@pytest.mark.parametrize(
    "text", ["", "look_up", '{"name": "other"}', "<tool_call>{broken}</tool_call>", '{"grade": "2"}']
)
def test_what_is_no_call_is_none(script: ModuleType, text: str) -> None:
    assert script.calls_in(text, {"look_up"}) == []


@pytest.fixture(scope="module")
def model(script: ModuleType) -> Any:
    pytest.importorskip("torch")
    from sie_agent.models.files import EMBEDDED

    return script.Model(EMBEDDED.folder(), "cpu", "float32")


@pytest.fixture
def address(script: ModuleType, model: Any) -> Iterator[str]:
    server = script.server_of(model, "small", 0)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    thread.join()
    server.server_close()


def asked(address: str, **body: Any) -> dict[str, Any]:
    """The answer of a server."""
    sent = json.dumps({"model": "small", **body}).encode()
    request = urllib.request.Request(f"{address}/chat/completions", sent, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=300) as response:
        answer: dict[str, Any] = json.load(response)
    return answer


def talk(words: str) -> list[dict[str, str]]:
    return [
        {"role": "system", "content": "Answer with one digit: how well does the item answer the search?"},
        {"role": "user", "content": "kettle | electric kettle"},
        {"role": "assistant", "content": "3"},
        {"role": "user", "content": words},
    ]


WORDS = ["kettle | steel kettle, 1.7 l", "yoga mat | a stand", "lamp | " + "a lamp of brass and glass, " * 6, "a | b"]


@pytest.mark.model
def test_probabilities_are_those_of_the_model_alone_and_in_company(model: Any, address: str) -> None:
    import torch

    wanted = {"max_tokens": 4, "temperature": 0, "logprobs": True, "top_logprobs": 20}
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda words: asked(address, messages=talk(words), **wanted), WORDS))
    for words, answer in zip(WORDS, together, strict=True):
        said = answer["choices"][0]["logprobs"]["content"][0]["top_logprobs"]
        text = model.tokenizer.apply_chat_template(talk(words), add_generation_prompt=True, tokenize=False)
        ids = model.tokenizer(text, add_special_tokens=False, return_tensors="pt")["input_ids"]
        with torch.inference_mode():
            direct = torch.log_softmax(model._model(input_ids=ids).logits[0, -1].float(), dim=-1)
        best = direct.topk(20)
        assert [one["token"] for one in said][:5] == [model.tokenizer.decode([int(i)]) for i in best.indices[:5]]
        np.testing.assert_allclose([one["logprob"] for one in said], best.values.numpy(), atol=1e-3)
        assert answer["usage"]["prompt_tokens"] == ids.shape[1]
        alone = asked(address, messages=talk(words), **wanted)["choices"][0]["logprobs"]["content"][0]["top_logprobs"]
        np.testing.assert_allclose([one["logprob"] for one in said], [one["logprob"] for one in alone], atol=1e-3)


@pytest.mark.model
def test_written_answers_are_those_of_greedy_generation(model: Any, address: str) -> None:
    """In a batch, whose answers end at different times."""
    import torch

    words = ["Say yes.", "What is a kettle? Answer in one sentence.", "Count from one to twenty."]
    with ThreadPoolExecutor(3) as pool:
        said = list(
            pool.map(
                lambda one: asked(address, messages=[{"role": "user", "content": one}], max_tokens=24, temperature=0),
                words,
            )
        )
    for one, answer in zip(words, said, strict=True):
        talked = [{"role": "user", "content": one}]
        text = model.tokenizer.apply_chat_template(talked, add_generation_prompt=True, tokenize=False)
        ids = model.tokenizer(text, add_special_tokens=False, return_tensors="pt")["input_ids"]
        with torch.inference_mode():
            made = model._model.generate(ids, max_new_tokens=24, do_sample=False)
        expected = model.tokenizer.decode(made[0, ids.shape[1] :], skip_special_tokens=True)
        assert answer["choices"][0]["message"]["content"] == expected


@pytest.mark.model
def test_it_is_a_server_for_the_openai_backend(address: str, tmp_path: Path) -> None:
    """Its form is found out from what it refuses, and graded answers are read from the log-probabilities."""
    rows = without_grade(load_samples("sample", limit=6))
    backend = make_backend("openai", model="small", base_url=address)
    with JudgmentCache(tmp_path / "answers.sqlite") as cache:
        try:
            table = judge(rows, load_variant("relevance/graded"), backend, cache)
        finally:
            backend.close()
    assert set(table["variant"]) == {"relevance/graded"} and (table["input_tokens"] > 100).all()
    assert table["entropy"].dropna().between(0, 1.4).all() and table["score"].notna().any()


@pytest.mark.model
@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"temperature": 1.0}, "temperature"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"messages": []}, "messages"),
        ({"model": "another"}, "small"),
        ({"max_tokens": 100_000}, "max_tokens"),
        ({"messages": [{"role": "user", "content": "word " * 9000}]}, "context length"),
    ],
)
def test_what_it_cannot_do_it_refuses(address: str, wrong: dict[str, Any], word: str) -> None:
    body = {"messages": talk("a | b"), **wrong}
    with pytest.raises(urllib.error.HTTPError) as refused:
        asked(address, **body)
    assert word in refused.value.read().decode()
