"""Variants of several questions, against results worked out by hand."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from sie_agent.errors import InputError
from sie_agent.judging import (
    JUDGMENT_COLUMNS,
    JudgmentCache,
    PricePart,
    Session,
    Variant,
    estimate,
    judge,
    judge_chunks,
    load_variant,
    make_backend,
)
from sie_agent.judging.composite import facets_score, opponents

from .conftest import table
from .scripted_server import Reply, Scripted, completion, scripted_server

LEXICAL = make_backend("lexical")
HOSES = [
    ("garden hose", "Rubber Garden Hose 50 ft"),
    ("garden hose", "Hose Reel Cart"),
    ("garden hose", "Whistling Kettle"),
    ("kettle", "Whistling Kettle"),
    ("garden hose", "Hose Reel Cart"),
]


def facets_of(folder: Path, *facets: Mapping[str, Any]) -> Variant:
    """Facets that a judge without a model can answer: shared words with the title, and with its beginning."""
    described = {"about": "a test", "aspect": "relevance", "method": "facets", "facets": list(facets)}
    path = folder / "facets.yaml"
    path.write_text(yaml.safe_dump({**described, "user": "{{ title }}"}), encoding="utf-8")
    return load_variant(path)


WORDS = {"name": "words", "method": "lexical"}
START = {"name": "start", "method": "lexical", "user": "{{ title[:6] }}"}


def test_facets_are_weighed_and_gated(tmp_path: Path, cache: JudgmentCache) -> None:
    shares = np.array([1.0, 0.5, 0.0, 1.0, 0.5])  # of the words of the query that are in the title
    starts = np.array([0.0, 0.5, 0.0, 0.0, 0.5])  # "Rubber", "Hose R", "Whistl"
    weighed = facets_of(tmp_path, {**WORDS, "weight": 3}, START)
    found = judge(table(HOSES), weighed, LEXICAL, cache)
    assert list(found.columns) == list(JUDGMENT_COLUMNS)
    np.testing.assert_allclose(found["score"], (3 * shares + starts) / 4)
    assert found["detail"].tolist()[0] == "words 1.00, start 0.00"
    assert found["variant"].unique().tolist() == ["facets"] and found["model"].unique().tolist() == ["lexical"]
    gated = facets_of(tmp_path, WORDS, {**START, "role": "gate"})
    again = judge(table(HOSES), gated, LEXICAL, cache)
    np.testing.assert_allclose(again["score"], shares * starts)
    assert again["cached"].all()  # the same questions under another rule


def test_a_facet_without_an_answer_leaves_no_judgment(tmp_path: Path, cache: JudgmentCache) -> None:
    found = judge(
        table([("!!", "Rubber Hose"), ("hose", "Rubber Hose")]), facets_of(tmp_path, WORDS, START), LEXICAL, cache
    )
    assert found["status"].tolist() == ["empty", "ok"]
    assert math.isnan(found["score"][0]) and found["detail"][0] == "the query has no word"


@given(st.lists(st.floats(0, 1), min_size=5, max_size=5))
def test_the_rule_of_the_facets_that_ship(scores: list[float]) -> None:
    variant = load_variant("relevance/facets")
    itself, kind, brand, attributes, use = scores
    expected = itself * kind * (2 * brand + attributes + use) / 4
    named = {facet.name: np.array([score]) for facet, score in zip(variant.facets, scores, strict=True)}
    np.testing.assert_allclose(facets_score(variant, named), [expected], atol=1e-12)


def backend_of(server: Scripted) -> Any:
    return make_backend("openai", model="m", base_url=server.url)


def graded(shares: dict[str, float]) -> Reply:
    top = {token: math.log(max(share, 1e-9)) for token, share in sorted(shares.items(), key=lambda one: -one[1])}
    return Reply(body=completion(next(iter(top)), top=top))


def last_of(body: Mapping[str, Any]) -> str:
    return str(body["messages"][-1]["content"])


def parts_of(body: Mapping[str, Any]) -> dict[str, str]:
    """What stands between the marks of the last message."""
    return dict(re.findall(r"<(query|item|other)>(.*?)</\1>", last_of(body)))


LENGTHS = {"aa": 2, "bbbb": 4, "cccccc": 6, "d": 1}


def longer_wins(body: dict[str, Any], number: int) -> Reply:
    """A judge that prefers long titles, and what stands first by a tenth."""
    said = parts_of(body)
    first = 0.8 if len(said["item"]) > len(said["other"]) else 0.2
    return graded({"A": first + 0.1, "B": 0.9 - first})


def test_win_shares_with_the_place_taken_out(cache: JudgmentCache) -> None:
    rows = table([("q", title) for title in LENGTHS] + [("q", "aa"), ("alone", "aa")])
    with scripted_server(longer_wins) as server:
        backend = backend_of(server)
        variant = load_variant("relevance/pairwise")
        session = Session(backend, cache)
        found = judge(rows, variant, backend, cache, session=session)
        # all six pairs of four items in both orders; the item that comes twice is one
        assert len(server.bodies) == 12
        # a win is 0.8, a defeat 0.2, whatever stood first: 0.9 and 0.7 on average
        wins = {"aa": 1, "bbbb": 2, "cccccc": 3, "d": 0}
        expected = [(0.8 * wins[title] + 0.2 * (3 - wins[title])) / 3 for title in [*LENGTHS, "aa"]]
        np.testing.assert_allclose(found["score"][:5], expected, atol=1e-6)
        assert found["status"].tolist() == ["ok"] * 5 + ["no-opponent"] and math.isnan(found["score"][5])
        assert found["input_tokens"][:4].sum() == session.account.input_tokens == 1200
        assert found["cached"].tolist()[:5] == [False] * 4 + [True]
        again = judge(rows.iloc[::-1], variant, backend, cache)
        assert len(server.bodies) == 12 and again["cached"][:5].all()
        np.testing.assert_allclose(again["score"].loc[found.index], found["score"])


def test_nobody_meets_anybody(cache: JudgmentCache) -> None:
    with scripted_server(longer_wins) as server:
        found = judge(table([("a", "x"), ("b", "y")]), load_variant("relevance/pairwise"), backend_of(server), cache)
        assert found["status"].tolist() == ["no-opponent"] * 2 and not server.bodies
        assert list(found.columns) == list(JUDGMENT_COLUMNS)


def test_a_comparison_that_fails_costs_both_their_judgment(cache: JudgmentCache) -> None:
    def script(body: dict[str, Any], number: int) -> Reply:
        if list(parts_of(body).values())[1:] == ["aa", "bbbb"]:
            return Reply(body=completion("I'm sorry", top={"I": -0.01}))
        return longer_wins(body, number)

    rows = table([("q", title) for title in ("aa", "bbbb", "cccccc")])
    with scripted_server(script) as server:
        found = judge(rows, load_variant("relevance/pairwise"), backend_of(server), cache)
    assert found["status"].tolist() == ["refused", "refused", "ok"]
    assert found["score"].isna().tolist() == [True, True, False]


@given(st.lists(st.integers(0, 3), min_size=1, max_size=12), st.sampled_from([2, 4, 8]))
def test_everybody_meets_as_many_as_are_wanted_and_nobody_twice(queries: list[int], count: int) -> None:
    items = pd.DataFrame({"query": [f"q{one}" for one in queries], "title": [f"t{i}" for i in range(len(queries))]})
    first, second = opponents(items, ["query", "title"], count)
    met = list(zip(first, second, strict=True))
    assert len(set(met)) == len(met) and {(b, a) for a, b in met} == set(met)
    for place, query in enumerate(queries):
        others = [b for a, b in met if a == place]
        assert len(others) == min(count, queries.count(query) - 1)
        assert place not in others and all(queries[b] == query for b in others)


def profiles(body: dict[str, Any], number: int) -> Reply:
    """A judge that describes an item by its last word, and grades by the profile it is shown."""
    item = parts_of(body)["item"]
    if "query" not in parts_of(body):
        if "Reel" in item:
            return Reply(body=completion("I can't describe this."))
        told = {"type": item.split()[-1], "brand": "", "details": ["50 ft", "green"], "grade": "1"}
        return Reply(body=completion(json.dumps(told)))
    return graded({"3": 0.99, "0": 0.01} if "type: Hose; details: 50 ft, green" in item else {"0": 0.99, "3": 0.01})


def test_a_profile_is_asked_for_once_per_item_and_shown(cache: JudgmentCache) -> None:
    rows = table([("hose", "Rubber Hose"), ("pipe", "Rubber Hose"), ("hose", "Hose Reel"), ("hose", "Steel Kettle")])
    with scripted_server(profiles) as server:
        found = judge(rows, load_variant("relevance/with-profile"), backend_of(server), cache)
        np.testing.assert_allclose(found["score"].iloc[[0, 1, 3]], [0.99, 0.99, 0.01], atol=1e-3)
        assert found["status"].tolist()[2] == "unparsed" and found["detail"][2].startswith("no profile: ")
        asked = [body for body in server.bodies if "query" not in parts_of(body)]
        assert len({parts_of(body)["item"] for body in asked}) == 3
        assert len(server.bodies) - len(asked) == 3
        # one written answer and one graded, 100 tokens each
        assert found["input_tokens"].tolist()[0] == 200
        items = judge(rows, load_variant("profile/item"), backend_of(server), cache)
        assert items["cached"].all() and items["aspect"].unique().tolist() == ["profile"]
        assert items["item_id"].tolist() == rows["item_id"].tolist() and items["query"].unique().tolist() == [""]
        assert items["detail"][0] == "type: Hose; details: 50 ft, green" and items["score"][0] == 0.5


def test_a_log_in_chunks_asks_about_an_item_once(cache: JudgmentCache) -> None:
    rows = table([("hose", "Rubber Hose"), ("pipe", "Rubber Hose"), ("hose", "Steel Kettle")]).assign(item_id="i")
    with scripted_server(profiles) as server:
        chunks = [rows.iloc[[one]].reset_index(drop=True) for one in range(3)]
        tables = list(judge_chunks(chunks, load_variant("profile/item"), backend_of(server), cache))
        assert [len(one) for one in tables] == [1, 0, 1] and len(server.bodies) == 2
        list(judge_chunks(chunks, load_variant("relevance/with-profile"), backend_of(server), cache))
        assert len(server.bodies) == 5


@pytest.mark.parametrize("name", ["relevance/facets", "relevance/pairwise", "relevance/with-profile"])
def test_a_plan_counts_what_is_asked_then(cache: JudgmentCache, name: str) -> None:
    scripts: dict[str, Callable[[dict[str, Any], int], Reply]] = {
        "relevance/facets": lambda body, number: graded({"2": 0.7, "1": 0.3}),
        "relevance/pairwise": longer_wins,
        "relevance/with-profile": profiles,
    }
    rows = table([("hose", "Rubber Hose"), ("hose", "Green Hose"), ("pipe", "Rubber Hose"), ("hose", "Steel Kettle")])
    with scripted_server(scripts[name]) as server:
        backend, variant = backend_of(server), load_variant(name)
        planned = estimate([rows], variant, backend, cache)
        assert not server.bodies and planned["cached"] == 0 and planned["input_tokens"] > 0
        found = judge(rows, variant, backend, cache)
        assert found["score"].notna().sum() == (3 if name == "relevance/pairwise" else 4)
        assert planned["to_ask"] == len(server.bodies) == planned["distinct"]
        after = estimate([rows], variant, backend, cache)
        assert (after["to_ask"], after["cached"]) == (0, planned["to_ask"])


def test_answers_in_writing_are_told(cache: JudgmentCache) -> None:
    def script(body: dict[str, Any], number: int) -> Reply:
        written = "JSON object" in last_of(body)
        return Reply(body=completion('{"grade": "2"}' if written else "2"))

    with scripted_server(script) as server:
        found = judge(table([("hose", "Hose")]), load_variant("relevance/facets"), backend_of(server), cache)
    assert found["variant"].tolist() == ["relevance/facets+written"] and found["score"].tolist() == [1.0]


def test_a_backend_has_to_answer_every_part(cache: JudgmentCache) -> None:
    with pytest.raises(InputError, match=r"'relevance/facets:itself' is of method 'graded', which backend 'lexical'"):
        judge(table(HOSES), "relevance/facets", LEXICAL, cache)


def test_a_question_that_two_facets_share_is_planned_and_asked_once(tmp_path: Path, cache: JudgmentCache) -> None:
    rows = table([("hose", "Hose"), ("hose", "Rubber Hose")])
    variant = facets_of(tmp_path, WORDS, START)
    planned = estimate([rows], variant, LEXICAL, cache)
    session = Session(LEXICAL, cache)
    judge(rows, variant, LEXICAL, cache, session=session)
    # "Hose" has no more than six letters
    assert planned["to_ask"] == planned["distinct"] == session.account.asked == 3


def test_a_comparison_takes_its_rows_from_one_chunk(cache: JudgmentCache) -> None:
    rows = table([("q", title) for title in LENGTHS])
    with scripted_server(longer_wins) as server:
        chunks = [rows[:3].reset_index(drop=True), rows[3:].reset_index(drop=True)]
        first, second = judge_chunks(chunks, load_variant("relevance/pairwise"), backend_of(server), cache)
    assert first["status"].tolist() == ["ok"] * 3 and second["status"].tolist() == ["no-opponent"]


def test_money_that_runs_out_leaves_no_half_judgment(cache: JudgmentCache) -> None:
    price = PricePart(input=1000.0, output=1000.0)
    rows = table([("hose", f"Hose {number}") for number in range(6)])
    with scripted_server(lambda body, number: graded({"2": 0.9, "0": 0.1})) as server:
        backend = make_backend("openai", model="m", base_url=server.url, price=price)
        session = Session(backend, cache, max_cost=2.0)
        found = judge(rows, load_variant("relevance/facets"), backend, cache, session=session)
        assert session.stopped == "cost" and (session.account.cost or 0.0) <= 2.0
        assert "not-asked" in set(found["status"]) and found["score"].notna().sum() == (found["status"] == "ok").sum()
        backend = backend_of(server)
        assert judge(rows, load_variant("relevance/facets"), backend, cache)["score"].notna().all()
        assert len(server.bodies) == 30  # what was answered is not asked again
