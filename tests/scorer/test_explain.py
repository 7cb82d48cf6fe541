"""Why a row has its score: effects add up, words are what they claim, and a row's explanation is its own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

import sie_agent
from sie_agent.errors import InputError
from sie_agent.features import feature_names
from sie_agent.features.unspaced import fold_widths
from sie_agent.labels import StudentSettings, label_names
from sie_agent.scorer import (
    Explanation,
    Scorer,
    distill_scorer,
    explain_rows,
    marked_text,
    shortened,
    strength,
    student_inputs,
)
from sie_agent.scorer.explanation.explain import MOST_WORDS, without_word
from sie_agent.scorer.explanation.meanings import AMOUNTS, FLAGS, LABEL_NAME, SHARES, TOPIC, meaning_of
from sie_agent.scorer.student import spread

TEXT = st.text(st.sampled_from("lamp kettle blue saw 12é\u202e<&\u3000 "), max_size=40)


def total(explained: Explanation) -> float:
    return explained.base + sum(feature.effect for feature in explained.features) + explained.rest


def assert_same(one: Explanation, other: Explanation) -> None:
    assert one.sample_id == other.sample_id
    assert [word.word for word in one.words] == [word.word for word in other.words]
    effects = {feature.name: feature.effect for feature in other.features}
    for feature in one.features:
        assert feature.effect == pytest.approx(effects[feature.name], abs=1e-9)
    for word, same in zip(one.words, other.words, strict=True):
        assert word.effect == pytest.approx(same.effect, abs=1e-9)
        assert word.score_without == pytest.approx(same.score_without, abs=1e-9)


def one_row(query: str, title: str, description: str, label: float) -> pd.DataFrame:
    row = {"sample_id": "x", "query": query, "title": title, "description": description, "label": label}
    return pd.DataFrame([row])


@pytest.mark.parametrize("by", label_names())
def test_effects_add_up_to_the_rank_and_the_rank_gives_the_score(
    scorer: Scorer, samples: pd.DataFrame, by: str
) -> None:
    student = scorer.students[by]
    ranks = student.booster.predict(student_inputs(scorer.features.transform(samples), samples["label"]))
    explained = explain_rows(scorer, samples, by, top=5)
    assert [one.sample_id for one in explained] == samples["sample_id"].tolist()
    np.testing.assert_allclose([total(one) for one in explained], ranks, atol=1e-9, rtol=0)
    np.testing.assert_allclose([one.rank for one in explained], ranks, atol=1e-12, rtol=0)
    scores = [one.score for one in explained]
    np.testing.assert_allclose(spread(np.array([one.rank for one in explained]), student.quantiles), scores, atol=1e-9)
    np.testing.assert_allclose(scores, scorer.predict(samples)[by], atol=1e-9, rtol=0)
    assert max(abs(one.rest) for one in explained) > 0


@pytest.mark.slow
@hypothesis_settings(max_examples=60)
@given(query=TEXT, title=TEXT, description=TEXT, label=st.one_of(st.floats(0, 1, width=32), st.just(float("nan"))))
def test_effects_of_any_row_add_up(scorer: Scorer, query: str, title: str, description: str, label: float) -> None:
    (explained,) = explain_rows(scorer, one_row(query, title, description, label), "support", None)
    assert total(explained) == pytest.approx(explained.rank, abs=1e-9)
    assert explained.rest == 0
    texts = {"query": query, "title": title, "description": description}
    for word in explained.words:
        assert texts[word.field][word.start : word.end] == word.word
    counts = [len(text.split()) for text in texts.values()]
    assert len(explained.words) + explained.words_left_out == sum(counts)


def test_features_that_no_tree_uses_have_no_effect(scorer: Scorer, samples: pd.DataFrame) -> None:
    names = np.array([*feature_names(), LABEL_NAME])
    unused = set(names[scorer.students["support"].booster.feature_importance() == 0])
    assert unused - {name for name in unused if TOPIC.fullmatch(name)}
    for one in explain_rows(scorer, samples, top=None):
        for feature in one.features:
            assert (feature.effect == 0) or feature.name not in unused


def test_topics_stand_together(scorer: Scorer, samples: pd.DataFrame) -> None:
    (one,) = explain_rows(scorer, samples.iloc[[3]], top=None)
    names = [feature.name for feature in one.features]
    assert sorted(names) == sorted(
        [
            *(name for name in feature_names() if not TOPIC.fullmatch(name)),
            *("query topics", "title topics", "shared topics", LABEL_NAME),
        ]
    )
    sizes = [abs(feature.effect) for feature in one.features]
    assert sizes == sorted(sizes, reverse=True)
    student = scorer.students["support"]
    inputs = student_inputs(scorer.features.transform(samples.iloc[[3]]), samples["label"].iloc[[3]])
    raw = student.booster.predict(inputs, pred_contrib=True)[0]
    shared = sum(effect for name, effect in zip(feature_names(), raw[:-2], strict=True) if name.startswith("shared to"))
    assert next(f.effect for f in one.features if f.name == "shared topics") == pytest.approx(shared, abs=1e-12)


def test_leaving_a_word_out_is_scoring_the_shortened_text(scorer: Scorer, samples: pd.DataFrame) -> None:
    rows = samples.iloc[:30]
    explained = explain_rows(scorer, rows, "hardness")
    for row, one in zip(rows.to_dict("records"), explained, strict=True):
        assert {word.field for word in one.words} >= {"query", "title"}
        shorter = []
        for word in one.words:
            place = len(row[word.field][: word.start].split())
            kept = row[word.field].split()
            assert kept.pop(place) == word.word
            shorter.append({**row, word.field: " ".join(kept)})
        expected = scorer.predict(pd.DataFrame(shorter))["hardness"]
        np.testing.assert_allclose([word.score_without for word in one.words], expected, atol=1e-9, rtol=0)
        for word in one.words:
            # a word that raises the score is one without which it is lower
            assert np.sign(round(word.effect, 9)) == np.sign(round(one.score - word.score_without, 12))
    assert any(word.effect > 0 for one in explained for word in one.words)
    assert any(word.effect < 0 for one in explained for word in one.words)


def test_the_score_under_either_label(scorer: Scorer, samples: pd.DataFrame) -> None:
    explained = explain_rows(scorer, samples.iloc[:20])
    for label, name in ((0.0, "score_if_label_0"), (1.0, "score_if_label_1")):
        expected = scorer.predict(samples.iloc[:20].assign(label=label))["value"]
        np.testing.assert_allclose([getattr(one, name) for one in explained], expected, atol=1e-9, rtol=0)


def test_order_and_batches_change_nothing(scorer: Scorer, samples: pd.DataFrame) -> None:
    whole = explain_rows(scorer, samples.iloc[:40])
    order = np.random.default_rng(0).permutation(40)
    for one, same in zip(explain_rows(scorer, samples.iloc[order]), [whole[place] for place in order], strict=True):
        assert_same(one, same)
    for place, one in enumerate(whole):
        assert_same(explain_rows(scorer, samples.iloc[[place]])[0], one)


def test_a_scorer_that_reads_the_label_alone_says_so(samples: pd.DataFrame) -> None:
    labels = samples[["sample_id"]].assign(support=samples["label"] - 0.5)
    scorer = distill_scorer(samples, labels, settings=StudentSettings(trees=30, rows_per_leaf=5, feature_share=1.0))
    for one in explain_rows(scorer, samples.iloc[:40]):
        assert one.features[0].name == LABEL_NAME
        assert abs(one.features[0].effect) > 10 * max(abs(feature.effect) for feature in one.features[1:])
        assert (one.features[0].effect > 0) == (one.label == 1)
        assert one.score_if_label_1 > one.score_if_label_0
        assert not any(strength(word.effect) for word in one.words)


def test_a_label_that_is_not_known(scorer: Scorer, samples: pd.DataFrame) -> None:
    (one,) = explain_rows(scorer, samples.iloc[[0]].assign(label=float("nan")), top=None)
    (line,) = [feature for feature in one.features if feature.name == LABEL_NAME]
    assert one.label is None and line.value is None and line.meaning == "the log has no label"


def test_values_are_not_standardised(scorer: Scorer) -> None:
    row = one_row("blue lamp", "Small lamp number 3", "", 1.0)
    (one,) = explain_rows(scorer, row, top=None)
    lines = {feature.name: (feature.value, feature.meaning) for feature in one.features}
    assert lines["query words"] == (2.0, "the query has 2 words")
    assert lines["share of query words in title"] == (0.5, "50 % of the query's words are in the title")
    assert lines["all query words in title"] == (0.0, "the title lacks a word of the query")
    assert lines["last query word in title"][1] == "the query's last word is in the title"
    assert lines["share of query numbers in title"][1].endswith("or it has none")
    assert lines[LABEL_NAME] == (1.0, "the log says 1")


def test_every_feature_has_words() -> None:
    for name in feature_names():
        if not TOPIC.fullmatch(name) and name != "share of query numbers in title":
            assert name in SHARES or name in FLAGS or name in AMOUNTS, name
    assert meaning_of("a new feature", 1.23456) == "a new feature: 1.23"
    assert meaning_of("place of first match in title", 1.0) == "query and title share no word"
    assert meaning_of("share of query numbers in title", 1.0) == "100 % of the query's numbers are in the title"


def test_endless_texts_are_cut(scorer: Scorer) -> None:
    (one,) = explain_rows(scorer, one_row("lamp " * 150, "lamp", "", 1.0))
    assert len(one.words) == MOST_WORDS + 1 and one.words_left_out == 150 - MOST_WORDS


def test_of_a_long_phrase_without_spaces_what_is_left_out_is_counted(scorer: Scorer) -> None:
    (one,) = explain_rows(scorer, one_row("lamp", "书" * (MOST_WORDS + 7), "", 1.0))
    assert one.words_left_out == 7


@pytest.mark.parametrize(
    ("query", "title", "shared"),
    [
        ("书架 白色", "木制书架", ["书", "架"]),
        ("手机壳", "iPhone手机壳（透明）", ["手", "机", "壳"]),
        ("เก้าอี้", "เก้าอี้ไม้สีขาว", ["เก้า", "อี้"]),
        ("ランプ", "日本のﾗﾝﾌﾟ", ["ランプ"]),
    ],
)
def test_words_of_a_phrase_without_spaces_are_named(query: str, title: str, shared: list[str]) -> None:
    rows = pd.DataFrame([{"query": query, "title": title, "description": ""}] * 40)
    rows = rows.assign(sample_id=[f"s{place}" for place in range(40)], label=0.5)
    rows.loc[20:, "title"] = "Blue lamp"
    related = (rows["title"] == title).to_numpy(np.float64)
    settings = StudentSettings(trees=10, rows_per_leaf=2)
    scorer = distill_scorer(
        rows, pd.DataFrame({"sample_id": rows["sample_id"], "relevance": related}), settings=settings
    )
    (explained,) = explain_rows(scorer, rows.head(1), "relevance")
    named = {(word.field, fold_widths(word.word)): word.effect for word in explained.words}
    assert {(field, unit) for field in ("query", "title") for unit in shared} <= set(named)
    best = max(effect for (field, _), effect in named.items() if field == "title")
    assert best == max(named["title", unit] for unit in shared)
    assert explained.words_left_out == 0


def test_a_word_within_a_phrase_is_taken_out_alone() -> None:
    assert without_word("木制书架 白色", 2, 4) == "木制 白色"
    assert without_word("书架 白色", 0, 2) == "白色"


def test_bad_input(scorer: Scorer, samples: pd.DataFrame) -> None:
    with pytest.raises(InputError, match=r"no 'worth'.*relevance, value, support, hardness"):
        explain_rows(scorer, samples, "worth")
    with pytest.raises(InputError, match="--top"):
        explain_rows(scorer, samples, top=0)
    lesser = replace(scorer, students={"support": scorer.students["support"]})
    with pytest.raises(InputError, match="There are: support"):
        explain_rows(lesser, samples, "value")
    assert explain_rows(scorer, samples.head(0)) == []


@given(st.text("ab \u3000", max_size=30))
def test_marked_text_is_the_text(text: str) -> None:
    places = [(place, place + 1, 0.5) for place, letter in enumerate(text) if letter == "a"]
    pieces = marked_text(text, places)
    assert "".join(piece for piece, _ in pieces) == text
    assert all((piece == "a") == (effect != 0) for piece, effect in pieces if "a" in piece)


def test_words_are_taken_out_with_the_space_behind_them() -> None:
    assert without_word("blue desk lamp", 5) == "blue lamp"
    assert without_word("blue desk lamp", 10) == "blue desk"
    assert without_word("blue", 0) == ""


def test_shortening_keeps_the_sum(scorer: Scorer, samples: pd.DataFrame) -> None:
    (one,) = explain_rows(scorer, samples.iloc[[7]], top=None)
    for top in (1, 4, 100):
        short = shortened(one, top)
        assert len(short.features) <= top and total(short) == pytest.approx(one.rank, abs=1e-9)


def test_public_name(scorer: Scorer, samples: pd.DataFrame) -> None:
    assert sie_agent.explain_rows(scorer, samples.iloc[:2], by="value", top=3)[1].features[:3]
