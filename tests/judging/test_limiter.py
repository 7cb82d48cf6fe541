"""How many requests a server gets: the rules, and a server that can take so many and no more."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sie_agent.judging.backends.http.limiter import FIRST_LIMIT, Bucket, Limiter
from sie_agent.judging.backends.http.trouble import retry_after


def full(limiter: Limiter, now: float) -> Limiter:
    """Fill all places."""
    while limiter.wait(now) <= 0.0:
        limiter.sent(now, 10)
    return limiter


def test_success_doubles_the_limit_each_round_trip_at_first() -> None:
    limiter = full(Limiter(64), 0.0)
    for expected in (16, 32, 64, 64):
        for _ in range(limiter.under_way):
            limiter.ended()
            limiter.succeeded(0.0)
            full(limiter, 0.0)
        assert int(limiter.limit) == expected


def test_no_growth_while_places_are_free() -> None:
    limiter = Limiter(64)
    limiter.sent(0.0, 10)
    limiter.succeeded(0.0)
    assert limiter.limit == FIRST_LIMIT


def test_too_many_requests_halve_once_for_all_that_went_out_together() -> None:
    limiter = Limiter(64)
    limiter.limit = 40.0
    for _ in range(40):
        limiter.rate_limited(2.0, sent_at=1.0, retry_after=3.0)
    assert limiter.limit == 20.0
    assert limiter.wait(2.0) == pytest.approx(3.0)
    assert limiter.wait(5.0) == 0.0
    limiter.rate_limited(6.0, sent_at=5.5, retry_after=0.0)
    assert limiter.limit == 10.0


def test_growth_is_slow_after_trouble_and_waits_after_an_error() -> None:
    limiter = Limiter(64)
    limiter.failed(0.0)
    full(limiter, 1.0)
    limiter.ended()
    limiter.succeeded(1.0)
    assert limiter.limit == FIRST_LIMIT
    limiter.succeeded(6.0)
    assert FIRST_LIMIT < limiter.limit < FIRST_LIMIT + 1


@given(st.lists(st.sampled_from(["sent", "ended", "succeeded", "rate", "failed"]), max_size=200), st.integers(1, 100))
def test_the_limit_stays_between_one_and_the_most(steps: list[str], most: int) -> None:
    limiter, now = Limiter(most), 0.0
    for step in steps:
        now += 0.1
        if step == "sent" and limiter.wait(now) <= 0.0:
            limiter.sent(now, 5)
        elif step == "ended" and limiter.under_way:
            limiter.ended()
        elif step == "succeeded":
            limiter.succeeded(now)
        elif step == "rate":
            limiter.rate_limited(now, sent_at=now - 0.05, retry_after=0.0)
        elif step == "failed":
            limiter.failed(now)
        assert 1.0 <= limiter.limit <= most
        assert limiter.under_way <= max(most, 1)


@given(st.integers(6, 6000), st.integers(60, 300))
def test_a_stated_rate_is_kept(per_minute: int, seconds: int) -> None:
    bucket = Bucket(float(per_minute))
    sent = 0
    for tenth in range(seconds * 10):
        now = tenth / 10
        while bucket.wait(now) <= 0.0:
            bucket.take(now, 1.0)
            sent += 1
    allowed = per_minute * seconds / 60
    assert sent <= allowed + max(per_minute / 60, 1.0) + 1
    # ten looks a second lose at most what a tenth of a second brings
    assert sent >= 0.85 * allowed - 2


def test_a_large_request_is_let_through_and_paid_for_later() -> None:
    bucket = Bucket(600.0)
    assert bucket.wait(0.0) == 0.0
    bucket.take(0.0, 100.0)
    assert bucket.wait(0.0) == pytest.approx(9.1)


def test_limits_per_minute_hold_back_although_places_are_free() -> None:
    limiter = Limiter(64, requests_per_minute=60.0, tokens_per_minute=6000.0)
    limiter.sent(0.0, 1000)
    limiter.ended()
    assert 9.0 < limiter.wait(0.0) < 10.0


def test_a_server_with_a_fixed_capacity_is_found_and_kept_to() -> None:
    """Twenty at once and no more: the limit swings around that, and few requests are refused."""
    capacity, limiter = 20, Limiter(200)
    refused = served = 0
    now = 0.0
    for _ in range(500):
        now += 1.0
        full(limiter, now)
        going = limiter.under_way
        for place in range(going):
            limiter.ended()
            if place < capacity:
                limiter.succeeded(now)
                limiter.sent(now, 1)
                served += 1
            else:
                limiter.rate_limited(now, sent_at=now, retry_after=0.0)
                refused += 1
        while limiter.under_way:
            limiter.ended()
    assert refused / (served + refused) < 0.06
    assert served / 500 > 0.7 * capacity


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after-ms": "1500"}, 1.5),
        ({}, 0.25),
        ({"retry-after": "soon"}, 0.25),
        ({"retry-after": "nan"}, 0.25),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "1e99"}, 86_400.0),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float) -> None:
    assert retry_after(headers) == pytest.approx(seconds)
    assert math.isfinite(retry_after(headers))
