"""Scripts without spaces: what a word, a gram and a shared word is there; texts with spaces are read as ever."""

from __future__ import annotations

import itertools
import unicodedata
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sie_agent.features import OVERLAP_NAMES, TextFeatures, feature_names, reading, unspaced
from sie_agent.features.tokens import lower, split_grams, split_words
from sie_agent.samples import lexical_scores, load_samples
from sie_agent.samples.simulations.lexical_scores import character_grams

SHELVES = [
    ("书架 白色", "木制书架", "客厅用"),
    ("手机壳", "iPhone手机壳 透明", ""),
    ("ランプ", "日本のランプ", ""),
    ("เก้าอี้", "เก้าอี้ไม้สีขาว", ""),
    ("ເກົ້າອີ້", "ເກົ້າອີ້ໄມ້", ""),
    ("កៅអី", "កៅអីឈើ", ""),
    ("ကုလားထိုင်", "သစ်သားကုလားထိုင်", ""),
]
# neither full-width nor of a script without spaces: these are read as they ever were
SPACED = [
    "",
    "a",
    "Lamps, 18V 1/2 in.",
    "🙂 lamp 👩‍👩‍👧 ❤️",
    "e\u0301cran ÉCRAN naïve_word",
    "Лампа настольная",
    "ΛΑΜΠΑΣ λάμπα",
    "مصباح مكتب ١٢",
    "책상 램프 ﾷﾸ",
    "हिन्दी दीपक",
    "½ ™ Ⅷ x²",
    "“quotes” – dash … •",
    "\u00a0lamp\u3000",
    "x" * 600,
]


def table(rows: list[tuple[str, str, str]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["query", "title", "description"])


def read(text: str, version: int = reading.VERSION) -> list[str]:
    known, [found] = split_words([(lower(pa.array([text], pa.large_string()), version), 512)], version)
    return [known[word] for word in found.values]


def overlap(features: TextFeatures, rows: pd.DataFrame) -> pd.DataFrame:
    raw = features.transform(rows) * features.scale + features.centre
    return pd.DataFrame(raw[:, : len(OVERLAP_NAMES)], columns=list(OVERLAP_NAMES))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("木制书架", ["木", "制", "书", "架"]),
        ("iPhone手机壳 18V", ["iphone", "手", "机", "壳", "18v"]),
        ("书架，（白色）。", ["书", "架", "白", "色"]),
        ("カーテン", ["カ", "ー", "テ", "ン"]),
        ("ﾗﾝﾌﾟ ｶﾞﾗｽ", ["ラ", "ン", "プ", "ガ", "ラ", "ス"]),
        ("ＬＥＤ１００ｗ　Ｌａｍｐｓ", ["led100w", "lamp"]),
        ("二〇二五 佐々木", ["二", "〇", "二", "五", "佐", "々", "木"]),
        ("葛\U000e0100飾", ["葛\U000e0100", "飾"]),
        ("เก้าอี้น้ำ", ["เก้า", "อี้", "น้ำ"]),
        ("๑๒ เมตร", ["๑๒", "เม", "ต", "ร"]),
        ("ខ្មែរ", ["ខ្មែ", "រ"]),
        ("မန္တလေး", ["မ", "န္တ", "လေး"]),
        ("책상 램프", ["책상", "램프"]),
        ("Lamps é e\u0301", ["lamp", "é", "e\u0301"]),
    ],
)
def test_words(text: str, words: list[str]) -> None:
    assert read(text) == words


@pytest.mark.parametrize(("query", "title", "description"), SHELVES)
def test_a_phrase_and_its_part_share_words(query: str, title: str, description: str) -> None:
    features = TextFeatures.fit(table(SHELVES))
    rows = table([(query, title, description), (query, "Blue lamp", "")])
    found = overlap(features, rows)
    assert 0 < found["share of query words in title"][0] <= 1
    assert found["share of query words in title"][1] == pytest.approx(0, abs=1e-5)
    assert found["share of query word pairs in title"][0] > 0
    cosines = features.transform(rows)[:, [feature_names().index(name) for name in ("word cosine", "character cosine")]]
    assert (cosines[0] > cosines[1]).all()
    assert lexical_scores(rows["query"], rows["title"])[0] > 0


def test_equal_phrases_share_all() -> None:
    features = TextFeatures.fit(table(SHELVES))
    found = overlap(features, table([("木制书架", "木制书架", ""), ("เก้าอี้ไม้", "เก้าอี้ไม้", "")]))
    names = ["share of query words in title", "share of query word pairs in title", "words shared over words in either"]
    np.testing.assert_allclose(found[names], 1, atol=1e-5)
    equal = pd.Series(["木制书架", "白"])
    np.testing.assert_allclose(lexical_scores(equal, equal), 1)


def test_widths_do_not_matter() -> None:
    features = TextFeatures.fit(table(SHELVES))
    wide = table([("ＬＥＤ　１００ｗ", "ﾗﾝﾌﾟ ＬＥＤ", "ｶﾞﾗｽ！")])
    usual = table([("led 100w", "ランプ led", "ガラス!")])
    np.testing.assert_array_equal(features.transform(wide), features.transform(usual))
    assert lexical_scores(wide["query"], wide["title"]) == pytest.approx(lexical_scores(usual["query"], usual["title"]))


def test_texts_with_spaces_are_read_as_ever() -> None:
    """The shipped sample and odd texts, by the reading of today and by that of scorers of format 3, to the last bit."""
    sample = load_samples("sample")[["query", "title", "description"]]
    odd = table([(left, right, SPACED[2]) for left in SPACED for right in SPACED])
    rows = pd.concat([sample, odd], ignore_index=True)
    features = TextFeatures.fit(rows)
    before = replace(features, version=reading.BY_SPACES)
    np.testing.assert_array_equal(features.transform(rows), before.transform(rows))


NOT_SPACED = st.characters(exclude_categories=["Cs", "Cc"]).filter(
    lambda letter: not unspaced.UNIT_EXPRESSION.search(letter) and not unspaced.WIDTH_RUN.search(letter)
)


@settings(max_examples=200)
@given(text=st.text(NOT_SPACED, max_size=60))
def test_any_text_with_spaces_is_read_as_ever(text: str) -> None:
    assert read(text) == read(text, reading.BY_SPACES)
    lowered = [lower(pa.array([text], pa.large_string()), version) for version in reading.WORDS]
    assert lowered[0] == lowered[1]
    grams = [split_grams(one, 2**15, version) for one, version in zip(lowered, reading.WORDS, strict=True)]
    np.testing.assert_array_equal(grams[0].keys, grams[1].keys)


MIXED = st.text(
    st.sampled_from("书架木ランプﾗﾝﾌﾟﾞーのเก้าอี้น้ำ๑ខ្មែរພາສາမြန်မာ္、。「 　iPhone18ＬＥé가Лم🙂\u0301\ufe0f\u3099々〇"),
    max_size=40,
)


@settings(max_examples=200)
@given(text=MIXED)
def test_no_letter_is_lost_and_python_divides_as_re2(text: str) -> None:
    folded = lower(pa.array([text], pa.large_string())).to_pylist()[0]
    words = read(text)
    kept = [letter for letter in folded if pc.match_substring_regex([letter], r"[\p{L}\p{M}\p{Nd}〇]")[0].as_py()]
    assert [*"".join(words)] == kept
    units = [word for word in words if unspaced.UNIT_EXPRESSION.match(word)]
    assert units == unspaced.UNIT_EXPRESSION.findall(folded)


@settings(max_examples=100)
@given(text=MIXED)
def test_pairs_are_grams_of_scripts_without_spaces_alone(text: str) -> None:
    lowered = lower(pa.array([text], pa.large_string()))
    characters = lowered.to_pylist()[0]
    unspaced_one = [unspaced.UNIT_EXPRESSION.search(letter) is not None for letter in characters]
    pairs = sum(left and right for left, right in itertools.pairwise(unspaced_one))
    found, before = (split_grams(lowered, 2**15, version) for version in (reading.VERSION, reading.BY_SPACES))
    assert found.counts.sum() - before.counts.sum() == pairs
    grams, _ = character_grams([characters])
    assert len(grams) == len(characters) + pairs


def test_ranges_rise_and_hold_no_digit() -> None:
    for ranges in (unspaced.UNSPACED_RANGES, unspaced.MARK_RANGES):
        ends = [end for pair in ranges for end in pair]
        assert ends == sorted(ends) and all(last < first for (_, last), (first, _) in itertools.pairwise(ranges))
    letters = [chr(code) for first, last in unspaced.UNSPACED_RANGES for code in range(first, last + 1)]
    assert not [letter for letter in letters if unicodedata.category(letter) in ("Nd", "Po", "Zs", "Cs")]
    names = {unicodedata.name(letter, "-").split()[0] for letter in letters}
    assert not names & {"HANGUL", "LATIN", "GREEK", "CYRILLIC", "ARABIC", "HEBREW", "DEVANAGARI"}


def test_pairs_count_where_simulated_logs_rank_by_text() -> None:
    queries, titles = pd.Series(["书架", "书架"]), pd.Series(["木制书架", "木制台灯"])
    near, far = lexical_scores(queries, titles)
    assert near > 0.1 and far == pytest.approx(0)
