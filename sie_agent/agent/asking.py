"""Questions of the agent: many pairs at once, through the judgment cache, within the limits."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from sie_agent.agent.assessing import records_of
from sie_agent.agent.cases import Case
from sie_agent.agent.limits import Ledger
from sie_agent.judging import Account, Backend, JudgmentCache, Session, Variant, judge_chunks


@dataclass(frozen=True)
class Level:
    """A judge: what it is called, who it is, and how it is asked."""

    name: str
    backend: Backend
    variant: Variant


class Beside(Session):
    """The session of another backend: a signal that stops *main* stops it as well.

    Parameters
    ----------
    main : the session that signals stop; its account is shared, and with it the limit on cost.
    """

    def __init__(self, main: Session, backend: Backend, cache: JudgmentCache, max_cost: float | None) -> None:
        self._main = main
        self._stopped: str | None = None
        super().__init__(backend, cache, max_cost=max_cost, account=main.account)

    @property
    def stopped(self) -> str | None:
        """Why nothing more is asked."""
        return "interrupted" if self._main.stopped == "interrupted" else self._stopped

    @stopped.setter
    def stopped(self, reason: str | None) -> None:
        self._stopped = reason


@dataclass
class Asker:
    """Asks questions about cases.

    Attributes
    ----------
    cache : where all answers are kept. ledger : the books.
    session : of the judge, which a signal may stop; others share its account, and with it the limit on cost.
    """

    cache: JudgmentCache
    ledger: Ledger
    session: Session
    max_cost: float | None = None
    _sessions: dict[int, Session] = field(default_factory=dict)

    def session_of(self, backend: Backend) -> Session:
        """The session of a backend; one for all its questions."""
        if id(backend) not in self._sessions:
            self._sessions[id(backend)] = Beside(self.session, backend, self.cache, self.max_cost)
        return self._sessions[id(backend)]

    @property
    def account(self) -> Account:
        """What was really asked and paid."""
        return self.session.account

    def ask(
        self, cases: Sequence[Case], variant: Variant, backend: Backend, rows: Sequence[Mapping[str, Any]]
    ) -> list[dict[str, Any] | None]:
        """An answer for each case: a judgment as a mapping, with ``cost``; None where a limit stopped the case.

        Parameters
        ----------
        rows : what is asked about each case.
        """
        found: list[dict[str, Any] | None] = [None] * len(cases)
        for portion in self.ledger.portions(cases, variant, backend, rows):
            session = self.session_of(backend)
            asked = pd.DataFrame([rows[place] for place, _ in portion])
            [table] = judge_chunks([asked], variant, backend, self.cache, session=session)
            for (place, expected), told in zip(portion, records_of(table), strict=True):
                told["cost"] = 0.0
                if told["status"] == "not-asked":
                    cases[place].finish("limit of cost of the run")
                else:
                    told["cost"] = self.ledger.book(cases[place], variant, backend, told, expected)
                found[place] = told
        return found


def step_of(answer: Mapping[str, Any]) -> dict[str, Any]:
    """What an answer puts into a step of the trace."""
    asked = answer["status"] != "not-asked"
    names = ("variant", "model", "status", "input_tokens", "output_tokens", "cost", "cached")
    seconds = float(answer["latency_ms"]) / 1000.0
    told: dict[str, Any] = {name: answer[name] for name in names}
    told |= {"calls": int(asked), "seconds": seconds if math.isfinite(seconds) else 0.0}
    return told
