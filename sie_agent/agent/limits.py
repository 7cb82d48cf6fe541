"""Limits on what a pair and a run may take: looked at before each question, at what it may take at most."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sie_agent.agent.cases import Case, Used
from sie_agent.agent.settings import AgentSettings
from sie_agent.judging import Accounted, Backend, PricePart, Variant, check_limit, question_bytes

# around each message, and for words that a server adds
EXTRA_TOKENS = 300
MARGIN = 1.25
LEAST_OUTPUT = 8


class Ledger:
    """The books of a run.

    What a question may take at most is a token for each byte: of all its messages at first, then of the last one beside
    the most that an answer to the same variant took. So the limits hold as long as a tokenizer makes at most one token
    of a byte and a server keeps to the limit on the length of answers.

    Parameters
    ----------
    settings : the limits.

    Attributes
    ----------
    total : what the run has taken.
    """

    def __init__(self, settings: AgentSettings) -> None:
        self._settings = settings
        self.total = Used()
        # above 1 where a server counted more than can be
        self._factor = 1.0
        self._most_input: dict[tuple[str, str], int] = {}
        self._most_output: dict[tuple[str, str], int] = {}
        limits = (settings.max_tokens, settings.max_cost, settings.max_tokens_per_pair, settings.max_cost_per_pair)
        self._measures = any(limit is not None for limit in limits)

    def check(self, backends: Sequence[Backend]) -> None:
        """Refuse a limit on cost where no price is known.

        Raises
        ------
        InputError : there is such a limit, and a backend without a price.
        """
        for limit in (self._settings.max_cost, self._settings.max_cost_per_pair):
            for backend in backends:
                check_limit(backend, limit)

    def portions(
        self, cases: Sequence[Case], variant: Variant, backend: Backend, rows: Sequence[Mapping[str, object]]
    ) -> Iterator[list[tuple[int, Used]]]:
        """The places of the cases that can be asked now, and what each may take; then those of others that have room.

        A case without room stops, and says which limit it met. Where something has a limit, the first question goes
        alone: it tells what the others take.

        Parameters
        ----------
        rows : what is asked about each case.
        """
        waiting = list(range(len(cases)))
        while waiting:
            now: list[tuple[int, Used]] = []
            later: list[int] = []
            held = Used()
            first = self._measures and asked_of(variant, backend) not in self._most_input
            for place in waiting:
                expected = self._expected(variant, backend, rows[place])
                if (limit := self._of_pair(cases[place], expected)) is not None:
                    cases[place].finish(f"limit of {limit} per pair")
                elif (limit := self._of_run(expected, held)) is not None or (first and now):
                    if now:
                        later.append(place)
                    else:
                        cases[place].finish(f"limit of {limit} of the run")
                else:
                    now.append((place, expected))
                    held.add(1, expected.tokens, expected.cost)
            if now:
                yield now
            waiting = later

    def book(
        self, case: Case, variant: Variant, backend: Backend, judgment: Mapping[str, Any], expected: Used
    ) -> float:
        """Count an answer, at what was *expected* where a failed one has no usage; gives what it cost, in USD."""
        sent, said = int(judgment["input_tokens"]), int(judgment["output_tokens"])
        prices = prices_of(backend)
        named = prices.get(str(judgment["endpoint"]))
        cost = max((price.of(sent, said) for price in ([named] if named else prices.values())), default=0.0)
        unknown = sent + said == 0 and judgment["status"] != "ok"
        tokens, cost = (expected.tokens, expected.cost) if unknown else (sent + said, cost)
        if expected.tokens and tokens > expected.tokens:
            self._factor *= MARGIN * tokens / expected.tokens
        for used in (self.total, case.total):
            used.add(1, tokens, cost)
        key = asked_of(variant, backend)
        self._most_input[key] = max(self._most_input.get(key, 0), sent)
        self._most_output[key] = max(self._most_output.get(key, 0), said)
        return cost

    def _expected(self, variant: Variant, backend: Backend, row: Mapping[str, object]) -> Used:
        """What a question may take at most."""
        if not self._measures:
            return Used(1)
        whole, last = question_bytes(variant, row)
        key = asked_of(variant, backend)
        seen = self._most_input.get(key)
        sent = (whole if seen is None else seen + last) + EXTRA_TOKENS
        said = variant.max_output_tokens
        if seen is not None and variant.method != "written":
            said = max(LEAST_OUTPUT, math.ceil(MARGIN * self._most_output[key]))
        dearest = max((price.of(sent, said) for price in prices_of(backend).values()), default=0.0)
        return Used(1, math.ceil(self._factor * (sent + said)), self._factor * dearest)

    def _of_pair(self, case: Case, expected: Used) -> str | None:
        limits = self._settings
        return met(
            (limits.max_calls_per_pair, case.total.calls + expected.calls),
            (limits.max_tokens_per_pair, case.total.tokens + expected.tokens),
            (limits.max_cost_per_pair, case.total.cost + expected.cost),
        )

    def _of_run(self, expected: Used, held: Used) -> str | None:
        limits, total = self._settings, self.total
        return met(
            (limits.max_calls, total.calls + held.calls + expected.calls),
            (limits.max_tokens, total.tokens + held.tokens + expected.tokens),
            (limits.max_cost, total.cost + held.cost + expected.cost),
        )


def prices_of(backend: Backend) -> Mapping[str, PricePart]:
    """The prices of a backend, by the name of the endpoint."""
    return backend.prices if isinstance(backend, Accounted) else {}


def asked_of(variant: Variant, backend: Backend) -> tuple[str, str]:
    """What questions of like size have in common."""
    return variant.name, backend.model


def met(*pairs: tuple[float | None, float]) -> str | None:
    """Which of the limits on calls, tokens and cost is met; None where there is room."""
    names = ("calls", "tokens", "cost")
    return next(
        (name for name, (most, used) in zip(names, pairs, strict=True) if most is not None and used > most), None
    )
