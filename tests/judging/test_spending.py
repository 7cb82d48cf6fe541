"""The limit on cost while several answers are under way: who waits, who gives up, and what is booked."""

from __future__ import annotations

import pytest

from sie_agent.judging.answers import Answer, Request
from sie_agent.judging.backends.endpoints import PricePart
from sie_agent.judging.prompts.variants import Variant, load_variant
from sie_agent.judging.spending import Account, Spending

LONG = 2048


@pytest.fixture
def variant() -> Variant:
    return load_variant("relevance/written")


def request(name: str) -> Request:
    return Request((name,), "q", {}, ({"role": "user", "content": name},))


def spending(limit: float) -> Spending:
    """USD 1 a token of output; what is sent costs nothing."""
    return Spending(Account(cost=0.0), {"e": PricePart(input=0.0, output=1e6)}, limit)


def end(books: Spending, one: Request, tokens: int = 0) -> None:
    books.ended(one, Answer("ok" if tokens else "not-asked", "written", endpoint="e", output_tokens=tokens))


def under_way(books: Spending, variant: Variant, count: int) -> list[Request]:
    """Requests that were drawn after the first answer told what is sent."""
    first = request("first")
    assert books.room_for(first, variant) is True
    books.paid(first, variant, "e", 10, 1)
    end(books, first, 1)
    drawn = [request(f"r{number}") for number in range(count)]
    assert [books.room_for(one, variant) for one in drawn] == [True] * count
    return drawn


def test_who_needs_a_longer_answer_waits_for_those_that_come_back(variant: Variant) -> None:
    short = variant.max_output_tokens
    books = spending(1.5 * short + LONG)
    one, other, last = under_way(books, variant, 3)
    assert books.room_again(one, variant, LONG) is None, "the others may leave money"
    books.paid(other, variant, "e", 10, 5)
    end(books, other, 5)
    assert books.room_again(one, variant, LONG) is True
    assert books.next_may_cost is None
    # from now on as much is reserved for each that is drawn: there is no room for a further one
    assert books.room_for(request("next"), variant) is None
    end(books, one, 250)
    end(books, last, 5)
    assert books.room_for(request("next"), variant) is True


def test_of_those_that_wait_for_each_other_one_gives_up_and_the_rest_go_on(variant: Variant) -> None:
    short = variant.max_output_tokens
    books = spending(1.0 + 1.5 * short + LONG)
    everyone = under_way(books, variant, 3)
    first, second, third = everyone
    assert books.room_again(first, variant, LONG) is None
    assert books.room_again(second, variant, LONG) is None
    assert books.room_again(third, variant, LONG) is False, "nobody is left who may leave money"
    assert books.next_may_cost == LONG
    assert books.room_again(first, variant, LONG) is None, "the one that gave up has not ended yet"
    end(books, third)
    assert books.room_again(first, variant, LONG) is True
    assert books.room_again(second, variant, LONG) is None
    end(books, first, 300)
    assert books.room_again(second, variant, LONG) is True


def test_without_a_limit_there_is_room_for_all(variant: Variant) -> None:
    books = Spending(Account(cost=0.0), {"e": PricePart(input=0.0, output=1e6)}, None)
    one = request("one")
    assert books.room_for(one, variant) is True and books.room_again(one, variant, 10**6) is True
