"""What objects show at a prompt: what they are, in one short line, and no key or password."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import sie_agent as sie
from sie_agent.judging import Endpoint, EndpointList, PricePart
from sie_agent.judging.answers import Answer
from sie_agent.judging.backends import BACKENDS
from sie_agent.judging.backends.chat_models import NamedModel
from sie_agent.suite.parts import JudgePart
from sie_agent.utils.shown import in_short, shown

from .conftest import Made

SECRET = "hunter2-hunter2"
ADDRESS = f"http://shop:{SECRET}@judge.example:8000/v1"
LONGEST = 320


def langchain_backend() -> Any:
    return sie.make_backend("langchain", model="openai:judge", base_url=ADDRESS, api_key=SECRET)


SECRETIVE: dict[str, Callable[[], Any]] = {
    "Judge": lambda: sie.Judge("openai", model="judge", base_url=ADDRESS, options={"api_key": SECRET}),
    "Judge of a file": lambda: sie.Judge("openai", endpoints="endpoints.yaml", options={"timeout": 3}),
    "OpenAIBackend": lambda: sie.make_backend("openai", model="judge", base_url=ADDRESS, api_key=SECRET),
    "LangChainBackend": langchain_backend,
    "NamedModel": lambda: NamedModel("openai:judge", ADDRESS, SECRET, {"api_key": SECRET}),
    "Endpoint": lambda: Endpoint(base_url=ADDRESS, model="judge"),
    "EndpointList": lambda: EndpointList(endpoints=(Endpoint(base_url=ADDRESS, model="judge"),)),
    "JudgePart": lambda: JudgePart(name="judge", kind="openai", base_url=ADDRESS),
    "PricePart": lambda: PricePart(input=1, output=2),
}


@pytest.mark.parametrize("name", SECRETIVE)
def test_no_key_and_no_password_is_shown(name: str) -> None:
    for text in (repr(SECRETIVE[name]()), str(SECRETIVE[name]())):
        assert SECRET not in text and "\n" not in text and len(text) < LONGEST


@pytest.mark.parametrize(("kind", "said"), [("local", "smollm2"), ("embedding", "minilm"), ("lexical", "lexical")])
def test_backends_name_their_model_and_load_nothing(kind: str, said: str) -> None:
    backend = sie.make_backend(kind)
    assert repr(backend).startswith(type(backend).__name__ + "(") and said in repr(backend)


@pytest.mark.parametrize("kind", BACKENDS)
def test_no_backend_shows_an_address_in_memory(kind: str) -> None:
    given = {"openai": {"model": "m", "base_url": "http://h:1/v1"}, "langchain": {"model": "openai:m"}}.get(kind, {})
    text = repr(sie.make_backend(kind, **given))
    assert " object at 0x" not in text and not text.startswith("<")
    assert "m" in text


def test_a_server_without_a_model_is_not_asked_for_it() -> None:
    text = repr(sie.make_backend("openai", base_url="http://127.0.0.1:9/v1"))
    assert text == "OpenAIBackend(servers=['http://127.0.0.1:9/v1'], models=['as the server names it'])"


def test_of_a_local_model_its_folder_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "my-model"
    folder.mkdir()
    assert repr(sie.make_backend("local", model=str(folder))) == "LocalBackend(model='my-model', precision='bfloat16')"


def test_a_cache_tells_how_much_it_holds_open_or_closed(tmp_path: Path) -> None:
    with sie.JudgmentCache(tmp_path / "answers.sqlite") as cache:
        assert repr(cache).startswith("JudgmentCache(path='")
        assert repr(cache).endswith("answers.sqlite', entries=0)")
        cache.put(
            [(f"key{number}", Answer("ok", "lexical", number=0.5)) for number in range(3)], variant="v", model="m"
        )
        assert repr(cache).endswith("entries=3)")
    assert "entries" not in repr(cache) and "closed" in repr(cache)


@pytest.mark.slow
def test_scorers_tell_labels_rows_and_recipe(made: Made) -> None:
    scorer = sie.load_scorer(made.distilled)
    labels = "['relevance', 'value', 'support', 'hardness']"
    assert repr(scorer).startswith(f"Scorer(labels={labels}, rows=300, recipe=")
    session = repr(sie.ScorerSession(made.distilled))
    assert f"labels={labels}" in session and "scorer'" in session
    assert scorer.recipe is not None
    assert repr(scorer.recipe).startswith("Recipe(blend=") and "quantiles" not in repr(scorer.recipe)
    (explained,) = sie.explain_rows(scorer, sie.load_samples(made.log, limit=1))
    assert "words=" in repr(explained) and "score=" in repr(explained) and explained.sample_id in repr(explained)
    assert all(len(repr(one)) < LONGEST for one in (scorer, scorer.recipe, explained))


@pytest.mark.slow
def test_the_estimator_shows_its_parameters_and_what_it_was_fitted_on(made: Made) -> None:
    samples = sie.load_samples(made.log, limit=50)
    estimator = sie.ImportanceScorer("value", trees=3)
    assert repr(estimator) == "ImportanceScorer(label='value', trees=3)"
    estimator.fit(samples, range(50))
    assert repr(estimator) == "ImportanceScorer(label='value', trees=3) fitted on 50 rows for value"


def test_settings_show_what_differs_from_the_defaults() -> None:
    suite = sie.load_suite("quickstart")
    assert repr(suite) == (
        "Suite(name='quickstart', data='sample', judges=['panel', 'minilm', 'embedded', 'lexical'], draws=[1, 2, 3])"
    )
    assert repr(JudgePart(name="words", kind="lexical")) == "JudgePart(name='words', kind='lexical')"


def test_variants_tell_what_is_asked_and_how() -> None:
    variant = sie.load_variant("relevance/graded")
    assert repr(variant).startswith("Variant(name='relevance/graded', aspect='relevance', method='graded', levels=")
    assert all(len(repr(sie.load_variant(name))) < LONGEST for name in sie.list_variants())


@given(st.text(max_size=300) | st.floats() | st.lists(st.text(max_size=50)) | st.none() | st.integers())
def test_whatever_is_shown_stays_short_and_on_one_line(value: Any) -> None:
    text = in_short(value)
    assert "\n" not in text
    assert len(text) < 1000
    assert "\n" not in shown(object(), value=value)


def test_of_a_long_path_the_end_is_shown() -> None:
    text = in_short(Path("/") / "/".join(["folder"] * 40) / "scorer")
    assert text.endswith("folder/scorer'") and len(text) < 90
