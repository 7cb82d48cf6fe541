"""The words that an explanation leaves out: what query and title share, also where no spaces tell it."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sie_agent.scorer.explanation.spans import word_spans


def words(text: str) -> list[str]:
    return [text[start:end] for start, end in word_spans(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("木制书架", ["木", "制", "书", "架"]),
        ("（白色）书架，", ["白", "色", "书", "架"]),
        ("iPhone手机壳（透明）,USB-C线", ["iPhone", "手", "机", "壳", "透", "明", "USB-C", "线"]),
        ("日本のランプシェード", ["日", "本", "の", "ランプシェード"]),
        ("大容量バッグ 軽量", ["大", "容", "量", "バッグ", "軽", "量"]),
        ("ﾗﾝﾌﾟｼｪｰﾄﾞ", ["ﾗﾝﾌﾟｼｪｰﾄﾞ"]),
        ("らーめん丼", ["らーめん", "丼"]),
        ("ラーメンとらーめん", ["ラーメン", "とらーめん"]),
        ("เก้าอี้", ["เก้า", "อี้"]),
        ("Blue (lamp), 18V", ["Blue", "(lamp),", "18V"]),
        ("책상 램프", ["책상", "램프"]),
        ("，。", ["，。"]),
        ("", []),
    ],
)
def test_words_are_told_by_their_letters(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@pytest.mark.parametrize("word", ["軽量", "大容量", "書架", "ランプ", "らーめん", "日本の"])
@given(
    before=st.sampled_from(["", "白い 大", "新品，", "iPhone", "軽", "量 ", "A4"]),
    behind=st.sampled_from(["", "量", "、軽量", "18V"]),
)
def test_a_word_is_divided_alike_in_every_text(word: str, before: str, behind: str) -> None:
    text = before + word + behind
    spans = set(word_spans(text))
    alone = {(start + len(before), end + len(before)) for start, end in word_spans(word)}
    assert alone <= spans


SOME = st.text(st.sampled_from("书架木制白色ランプの ー，（iPhone 18V　เก้าอี้\u0301é가방"), max_size=40)


@given(text=SOME)
def test_spans_rise_and_hold_every_letter(text: str) -> None:
    spans = list(word_spans(text))
    assert all(start < end for start, end in spans)
    assert all(end <= start for (_, end), (start, _) in pairwise(spans))
    inside = {place for start, end in spans for place in range(start, end)}
    assert all(place in inside for place, letter in enumerate(text) if letter.isalnum())


@given(text=st.text(st.sampled_from("blue lamp, 18V é가방 Лампа\u3000🙂-"), max_size=40))
def test_texts_with_spaces_are_divided_by_them(text: str) -> None:
    assert words(text) == text.split()


def test_an_endless_phrase_is_looked_at_up_to_a_bound() -> None:
    assert 1 < len(words("书架木制" * 200_000)) < 5_000
