"""The words that an explanation leaves out: what query and title share, also where no spaces tell it."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sie_agent.scorer.spans import word_spans


def words(text: str, other: str) -> list[str]:
    return [text[start:end] for start, end in word_spans(text, other)]


@pytest.mark.parametrize(
    ("text", "other", "expected"),
    [
        ("木制书架", "书架 白色", ["木制", "书架"]),
        ("书架 白色", "木制书架", ["书架", "白色"]),
        ("书架木制书架", "书架", ["书架", "木制", "书架"]),
        ("（白色）书架，", "书架", ["白色", "书架"]),
        ("iPhone手机壳（透明）,USB-C线", "手机壳", ["iPhone", "手机壳", "透明", "USB-C", "线"]),
        ("客厅书柜", "书架", ["客厅", "书", "柜"]),
        ("日本のランプシェード", "ランプ", ["日本", "の", "ランプ", "シェード"]),
        ("ﾗﾝﾌﾟｼｪｰﾄﾞ", "ランプ", ["ﾗﾝﾌﾟ", "ｼｪｰﾄﾞ"]),
        ("プラン", "ラーメン", ["プラン"]),
        ("らーめん丼", "", ["らーめん", "丼"]),
        ("เก้าอี้ไม้สีขาว", "เก้าอี้", ["เก้าอี้", "ไม้สีขาว"]),
        ("ເກົ້າອີ້ໄມ້", "ໄມ້ ເກົ້າອີ້", ["ເກົ້າອີ້", "ໄມ້"]),
        ("书架白色", "白色 书架", ["书架", "白色"]),
        ("Blue (lamp), 18V", "lamp", ["Blue", "(lamp),", "18V"]),
        ("책상 램프", "램프", ["책상", "램프"]),
        ("，。", "书架", ["，。"]),
        ("", "书架", []),
    ],
)
def test_words_are_told_by_what_is_shared(text: str, other: str, expected: list[str]) -> None:
    assert words(text, other) == expected


SOME = st.text(st.sampled_from("书架木制白色ランプの ー，（iPhone 18V　เก้าอี้\u0301é가방"), max_size=40)


@given(text=SOME, other=SOME)
def test_spans_rise_and_hold_every_letter(text: str, other: str) -> None:
    spans = list(word_spans(text, other))
    assert all(start < end for start, end in spans)
    assert all(end <= start for (_, end), (start, _) in pairwise(spans))
    inside = {place for start, end in spans for place in range(start, end)}
    assert all(place in inside for place, letter in enumerate(text) if letter.isalnum())


@given(text=st.text(st.sampled_from("blue lamp, 18V é가방 Лампа\u3000🙂-"), max_size=40), other=SOME)
def test_texts_with_spaces_are_divided_by_them(text: str, other: str) -> None:
    assert words(text, other) == text.split()


def test_an_endless_phrase_is_looked_at_up_to_a_bound() -> None:
    assert 1 < len(words("书架木制" * 200_000, "白")) < 1_000
