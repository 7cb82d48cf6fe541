"""Why there is no grade: the commonest cause is found among many, in bounded memory, and failing tries are shown."""

from __future__ import annotations

import random
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sie_agent.judging.reasons import MOST_DETAILS, REFRESH_SECONDS, Failing, Reasons, pattern, quoted, shortened


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("request req_011CQ8x7 failed", "request req_9f00ab12 failed"),
        ("id 550e8400-e29b-41d4-a716-446655440000 is busy", "id 123e4567-e89b-12d3-a456-426614174000 is busy"),
        ("you asked for 5,123 tokens of 4096", "you asked for 7,001 tokens of 4096"),
        ("no JSON object with a grade: 'I think so'", 'no JSON object with a grade: "It\'s fine"'),
        ("trace abcdefghijklmnopqrstuvwxyz", "trace zyxwvutsrqponmlkjihgfedcba"),
        ('the word "hose" is not allowed', 'the word "kettle" is not allowed'),
    ],
)
def test_what_differs_by_pair_counts_together(one: str, other: str) -> None:
    assert pattern(one) == pattern(other)


def test_different_causes_stay_apart() -> None:
    told = ["temperature must be > 0", "top_p must be > 0", "the model's context is full", "the user's quota is used"]
    assert len({pattern(one) for one in told}) == len(told)


def test_the_commonest_wording_is_shown() -> None:
    reasons = Reasons()
    reasons.add_all([("server-error", "HTTP 500"), *[("server-error", "HTTP 503")] * 5, ("rejected", "no")])
    assert reasons.as_list() == [
        {"status": "server-error", "count": 6, "detail": "HTTP 503"},
        {"status": "rejected", "count": 1, "detail": "no"},
    ]


def test_no_more_is_remembered_than_there_is_room_for_and_the_commonest_is_found() -> None:
    words = ["".join(random.Random(number).choices("abcdefghij", k=12)) for number in range(10_000)]
    said = [word if number % 20 else "temperature must be > 0" for number, word in enumerate(words)]
    reasons = Reasons()
    for detail in said:
        reasons.add("rejected", detail + " x" * 1000)
    kept = reasons._details["rejected"]
    assert len(kept) <= MOST_DETAILS and all(len(one.example) <= 200 for one in kept.values())
    assert reasons.counts["rejected"] == len(said)
    assert reasons.commonest("rejected").startswith("temperature must be > 0")


@given(st.lists(st.sampled_from("abcdefgh"), max_size=60), st.integers(1, 4))
def test_what_makes_up_more_than_its_share_is_never_lost(said: list[str], most: int) -> None:
    reasons = Reasons(most)
    for detail in said:
        reasons.add("rejected", detail)
    for detail in set(said):
        if said.count(detail) > len(said) / (most + 1):
            assert detail in reasons._details["rejected"]
    assert len(reasons._details.get("rejected", ())) <= most


@given(st.lists(st.tuples(st.sampled_from("ab"), st.text(max_size=40))))
def test_whatever_is_said_each_status_is_counted(said: list[tuple[str, str]]) -> None:
    reasons = Reasons()
    reasons.add_all(said)
    assert reasons.counts.total() == len(said)
    assert all("\n" not in one["detail"] for one in reasons.as_list())


@pytest.mark.slow
def test_tries_and_pairs_are_told() -> None:
    failing = Failing()
    assert failing.words() == []
    shown: list[list[str]] = []
    for status, detail in [("server-error", "upstream connect error"), *[("rate-limited", "slow down")] * 2]:
        failing.tried(status, detail, lambda: shown.append(failing.words()))
    assert failing.words() == ['tries failed: rate-limited 2, server-error 1: "slow down"']
    failing.given_up("rejected")
    assert failing.words() == ["1 without a judgment (rejected)", "tries failed: rate-limited 2, server-error 1"]
    failing.given_up("rejected")
    failing.given_up("timeout")
    assert failing.words()[0] == "3 without a judgment (mostly rejected)"
    assert not shown, "not more than twice a second"
    time.sleep(REFRESH_SECONDS + 0.3)
    assert len(shown) == 1 and shown[0][-1].startswith("tries failed: rate-limited 2")


def test_tries_are_counted_from_several_threads() -> None:
    failing = Failing()

    def work(name: str) -> None:
        for _ in range(500):
            failing.tried(name, "no", lambda: None)
            failing.words()

    threads = [threading.Thread(target=work, args=(name,)) for name in ("timeout", "connection", "malformed")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(f"{name} 500" in failing.words()[0] for name in ("timeout", "connection", "malformed"))


def test_a_long_cause_is_shortened() -> None:
    assert shortened("a " * 100, 10) == "a a a a a…" and len(shortened("a" * 200)) == 100
    assert quoted("") == "" and quoted("temperature must be > 0") == ': "temperature must be > 0"'
