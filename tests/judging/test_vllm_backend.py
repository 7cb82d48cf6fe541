"""vLLM in process as far as it can be tested without vLLM; tests/vllm has the rest."""

from __future__ import annotations

import importlib.util
import json
import math
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from sie_agent.errors import EnvironmentFailure, InputError, MissingExtraError
from sie_agent.judging import JudgmentCache, judge, load_variant, make_backend
from sie_agent.judging.backends import vllm

from .conftest import table


def folder_of_a_model(folder: Path, **settings: Any) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(settings))
    return folder


@pytest.mark.parametrize(("found", "kind"), [(None, EnvironmentFailure), ("/usr/bin/nvidia-smi", MissingExtraError)])
def test_without_vllm(
    monkeypatch: pytest.MonkeyPatch, cache: JudgmentCache, tmp_path: Path, found: str | None, kind: type[Exception]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(shutil, "which", lambda name: found)
    backend = make_backend("vllm", model=str(folder_of_a_model(tmp_path / "model")))
    with pytest.raises(kind, match=r"'vllm' is not installed.*pip install 'sie-agent\[vllm\]'") as caught:
        judge(table([("hose", "Garden Hose")]), load_variant("relevance/graded"), backend, cache)
    assert ("scripts/install.sh vllm" in str(caught.value)) == (found is None)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_model_len": 0}, "'max_model_len' is 0. Give a positive whole number"),
        ({"dtype": "int4"}, "Use one of auto, bfloat16, float16, float32"),
        ({"enforce_eager": "yes"}, "Use one of True, False"),
        ({"gpu_memory_utilization": 90.0}, "'gpu_memory_utilization' is above 1"),
        ({"patience": 3}, "unknown backend option 'patience'"),
    ],
)
def test_options_are_checked(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        make_backend("vllm", options=options)
    assert message in str(caught.value)


def test_likelihood_variants_are_for_another_backend(cache: JudgmentCache, samples: pd.DataFrame) -> None:
    with pytest.raises(InputError, match="Use backend 'local'"):
        judge(samples, load_variant("relevance/query-likelihood"), make_backend("vllm"), cache)


def test_what_identifies_the_model(tmp_path: Path) -> None:
    folder = folder_of_a_model(tmp_path / "mine", vocab_size=3)
    (source,) = make_backend("vllm", model=str(folder), options={"dtype": "float16"}).sources("graded")
    assert (source.model, source.family, source.settings["dtype"]) == ("mine", "vllm", "float16")
    before = source.fingerprint
    folder_of_a_model(folder, vocab_size=4)
    assert make_backend("vllm", model=str(folder)).sources("graded")[0].fingerprint != before


@pytest.mark.parametrize(
    ("settings", "longest"),
    [
        ({"max_position_embeddings": 1024}, 1024),
        ({"text_config": {"max_position_embeddings": 2048}}, 2048),
        ({}, vllm.DEFAULT_LENGTH),
    ],
)
def test_a_prompt_may_be_as_long_as_the_model_allows(tmp_path: Path, settings: dict[str, Any], longest: int) -> None:
    assert vllm.longest_input(folder_of_a_model(tmp_path / "model", **settings)) == longest


class LetterTokenizer:
    """One token per word; spellings with a space before them are tokens of their own."""

    words = ("0", "1", " 1", "2", "Ġ2", "well", "12")

    def __len__(self) -> int:
        return len(self.words)

    def batch_decode(self, ids: list[list[int]]) -> list[str]:
        return [self.words[one] for (one,) in ids]

    def apply_chat_template(self, messages: list[dict[str, str]], **how: bool) -> str:
        return " ".join(message["content"] for message in messages)

    def __call__(self, text: str, add_special_tokens: bool) -> dict[str, list[int]]:
        return {"input_ids": [0] * len(text.split())}


def test_every_spelling_of_a_grade_is_asked_for() -> None:
    assert vllm.grade_ids(LetterTokenizer(), ("0", "1", "2")) == [0, 1, 2, 3, 4]
    assert vllm.grade_ids(LetterTokenizer(), ("0", "3")) is None


def test_too_long_prompts_are_told_from_long_ones() -> None:
    def asked(text: str) -> Any:
        return SimpleNamespace(messages=({"role": "user", "content": text},))

    short, wordy, long = asked("hose"), asked("a" * 500), asked("hose " * 101)
    fitting, refused = vllm.sorted_out(LetterTokenizer(), [short, wordy, long], 100, "graded")
    assert fitting == [short, wordy]
    assert [(request, answer.status, answer.detail) for request, answer in refused] == [
        (long, "too-long", "101 tokens, 100 fit")
    ]


def output(text: str = "", logprobs: dict[str, float] | None = None, finish: str = "stop") -> Any:
    entries = {
        number: SimpleNamespace(decoded_token=token, logprob=math.log(share))
        for number, (token, share) in enumerate((logprobs or {}).items())
    }
    said = SimpleNamespace(text=text, token_ids=[1], finish_reason=finish, logprobs=[entries] if entries else None)
    return SimpleNamespace(outputs=[said], prompt_token_ids=[1, 2, 3])


@pytest.mark.parametrize(
    ("method", "said", "status", "detail"),
    [
        ("graded", output(logprobs={"3": 0.5, " 3": 0.1, "2": 0.3}), "ok", ""),
        ("graded", output(logprobs={"The": 0.9, "3": 0.1}), "out-of-scale", "grade tokens hold 0.100"),
        ("graded", output(), "empty", "no token"),
        ("written", output('{"rationale": "it fits", "grade": "2"}'), "ok", "it fits"),
        ("written", output('{"rationale": "it', finish="length"), "unparsed", "cut off after 1 tokens"),
    ],
)
def test_reading_an_output(method: str, said: Any, status: str, detail: str) -> None:
    answer = vllm.read_output(load_variant(f"relevance/{method}"), said)
    assert answer.status == status and answer.detail.startswith(detail)
    if answer.probabilities:
        assert answer.probabilities["3"] == pytest.approx(0.6 / 0.9)
    counted = vllm.counted(answer, said, 7.0)
    assert (counted.input_tokens, counted.output_tokens, counted.latency_ms) == (3, 1, 7.0)


def test_chunks_grow_to_ten_seconds_of_work() -> None:
    assert vllm.next_size(1, 0.3) == vllm.LEAST_CHUNK
    assert vllm.next_size(64, 1.0) == 128
    assert vllm.next_size(256, 20.0) == 128
    assert vllm.next_size(64, 100.0) == 64
    assert vllm.next_size(4096, 0.1) == 4096
