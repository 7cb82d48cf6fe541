"""The levels of a cascade, asked: one class for each kind, in one registry."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pandas as pd

from sie_agent.cascade import AgentLevel, Answers, CascadeSettings, JudgeLevel, ScorerLevel
from sie_agent.commands.cascade_members import check_measure, members_of, most_entropy, variants_hash
from sie_agent.commands.cascade_tables import own_table, together
from sie_agent.commands.judges import Judge, open_judge
from sie_agent.errors import InputError
from sie_agent.files.paths import user_path
from sie_agent.files.yaml_files import read_yaml
from sie_agent.judging import (
    JUDGMENT_COLUMNS,
    Account,
    Accounted,
    Backend,
    JudgmentCache,
    PricePart,
    Session,
    Variant,
    check_limit,
    check_method,
    load_variant,
    stop_on_signals,
)
from sie_agent.judging import judge as judge_pairs
from sie_agent.samples import without_grade

if TYPE_CHECKING:
    from sie_agent.agent import AgentSettings

OPTION = re.compile(r"--([a-z-]+)")
JUDGE_FIELDS = (
    *("backend", "model", "base_url", "endpoints", "concurrency", "revision", "price_input", "price_output"),
    *("timeout", "patience"),
)


@dataclass
class AskingLimits:
    """What all levels share: the cache, the account, and the limit on cost."""

    cache: JudgmentCache
    retry_failed: bool = False
    max_cost: float | None = None
    account: Account = field(default_factory=Account)


class LevelAsker(Protocol):
    """A level that can be asked.

    Attributes
    ----------
    fingerprint : of what it is, beside the name of its model. model : its name, as far as it is known.
    prices : by the name of the endpoint; empty where nothing is paid. session : of all its questions, or None.
    """

    @property
    def fingerprint(self) -> str: ...

    @property
    def prices(self) -> Mapping[str, PricePart]: ...

    @property
    def model(self) -> str: ...

    @property
    def session(self) -> Session | None: ...

    def start(self, limits: AskingLimits) -> None:
        """Get ready to ask."""

    def ask(self, rows: pd.DataFrame, before: pd.DataFrame | None) -> tuple[pd.DataFrame, Answers]:
        """Judgments of some rows, and its answers; *before*: the judgments of the level before, of the same rows."""

    def close(self) -> None:
        """Let go of what it holds."""


class ScorerAsker:
    """A distilled scorer's relevance."""

    prices: Mapping[str, PricePart] = MappingProxyType({})
    session: Session | None = None

    def __init__(self, level: ScorerLevel) -> None:
        from sie_agent.scorer import folder_hash, load_scorer, scorer_folder

        folder = scorer_folder(user_path(level.scorer))
        self._scorer = load_scorer(folder)
        if "relevance" not in self._scorer.students:
            raise InputError(
                "the scorer does not know relevance", where=folder, hint="Give one that was distilled with it."
            )
        self.fingerprint, self.model = folder_hash(folder), folder.name

    def start(self, limits: AskingLimits) -> None:
        """Nothing is asked."""

    def ask(self, rows: pd.DataFrame, before: pd.DataFrame | None) -> tuple[pd.DataFrame, Answers]:
        """The relevance of each row."""
        score = np.clip(self._scorer.predict(rows)["relevance"].to_numpy(np.float64), 0, 1)
        return own_table(rows, score, "scorer", self.model), Answers(score[None], np.full(len(rows), np.nan))

    def close(self) -> None:
        """Nothing is held."""


class JudgeAsker:
    """A judge that is asked one variant, or as many as its confidence is the agreement of."""

    def __init__(self, level: JudgeLevel) -> None:
        self.variants = members_of(level)
        self.backend, self.judge = opened(level, self.variants)
        self.prices = dict(self.backend.prices) if isinstance(self.backend, Accounted) else {}
        self.fingerprint = variants_hash(self.variants)
        check_measure(level.name, level.confidence, self.variants[0])
        self.session: Session | None = None
        self._cache: JudgmentCache | None = None
        self._retry_failed = False

    @property
    def model(self) -> str:
        """The model that is asked."""
        return self.backend.model

    def start(self, limits: AskingLimits) -> None:
        """A session on the account of all levels."""
        most = limits.max_cost if self.prices else None
        self.session = Session(self.backend, limits.cache, max_cost=most, account=limits.account)
        self._cache, self._retry_failed = limits.cache, limits.retry_failed

    def ask(self, rows: pd.DataFrame, before: pd.DataFrame | None) -> tuple[pd.DataFrame, Answers]:
        """Every variant about every row."""
        assert self.session is not None and self._cache is not None
        asked = without_grade(rows)
        tables = []
        with stop_on_signals(self.session):
            for variant in self.variants:
                how: dict[str, Any] = {"retry_failed": self._retry_failed, "session": self.session}
                tables.append(judge_pairs(asked, variant, self.backend, self._cache, **how))
        scores = np.stack([table["score"].to_numpy(np.float64) for table in tables])
        entropy = tables[0]["entropy"].to_numpy(np.float64)
        return together(tables), Answers(scores, entropy, most_entropy(self.variants[0]))

    def close(self) -> None:
        """Close the backend."""
        self.backend.close()


class AgentAsker(JudgeAsker):
    """The agent: it sees what the level before said, and looks things up."""

    def __init__(self, level: AgentLevel) -> None:
        self.settings = agent_settings(level)
        self.variants = [load_variant(level.variant)]
        self.backend, self.judge = opened(level, self.variants)
        self.prices = dict(self.backend.prices) if isinstance(self.backend, Accounted) else {}
        told = repr(sorted(level.settings.items())).encode()
        self.fingerprint = hashlib.sha256(variants_hash(self.variants).encode() + told).hexdigest()
        check_measure(level.name, level.confidence, self.variants[0])
        self.session, self._cache, self._retry_failed = None, None, False
        self.traces: list[pd.DataFrame] = []

    def ask(self, rows: pd.DataFrame, before: pd.DataFrame | None) -> tuple[pd.DataFrame, Answers]:
        """What the agent says in the end; a level that was no language model gives it no first answer."""
        from sie_agent.agent import judge_hard_cases

        first, _ = super().ask(rows, before)
        assert self._cache is not None and self.session is not None
        # where the money ended, there is none for looking things up
        known = first["score"].notna().to_numpy(bool)
        if not known.any():
            return first, Answers(np.full((1, len(rows)), np.nan), np.full(len(rows), np.nan))
        asked, session = without_grade(rows[known]), self.session
        result = judge_hard_cases(asked, first[known], self.backend, self._cache, self.settings, session=session)
        self.traces.append(result.traces)
        table = pd.concat([result.judgments.set_axis(rows.index[known]), first[~known]]).loc[rows.index]
        table = table[list(JUDGMENT_COLUMNS)]
        score, entropy = (table[name].to_numpy(np.float64) for name in ("score", "entropy"))
        return table, Answers(score[None], entropy, most_entropy(self.variants[0]))


def agent_settings(level: AgentLevel) -> AgentSettings:
    """The settings of an agent that is a level.

    Raises
    ------
    InputError : names the wrong one as a field of the file of levels.
    """
    from sie_agent.agent import AgentSettings

    known = [one.name for one in fields(AgentSettings)]
    if strange := next((name for name in level.settings if name not in known), None):
        problem = "the agent has no such setting"
        raise InputError(problem, where=f"field 'settings.{strange}'", hint=f"There are: {', '.join(known)}.")
    try:
        return AgentSettings(**level.settings)
    except InputError as error:
        problem = OPTION.sub(lambda found: found[1].replace("-", "_"), error.problem)
        name = OPTION.sub(lambda found: f".{found[1].replace('-', '_')}", str(error.where or ""))
        raise InputError(problem, where=f"field 'settings{name}'", hint=error.hint) from error


def check_agents(path: str | Path, settings: CascadeSettings) -> None:
    """Raise InputError where an agent's settings are wrong, by file, line and field of the levels."""
    for number, level in enumerate(settings.levels):
        if isinstance(level, AgentLevel):
            try:
                agent_settings(level)
            except InputError as error:
                field = f"levels.{number}.{str(error.where).removeprefix('field ')[1:-1]}"
                way = [int(part) if part.isdecimal() else part for part in field.split(".")]
                where = read_yaml(user_path(path)).place(way)
                raise InputError(f"field '{field}': {error.problem}", where=where, hint=error.hint) from error


# by kind, what asks a level of it
ASKERS: Mapping[str, Callable[[Any], LevelAsker]] = MappingProxyType(
    {"scorer": ScorerAsker, "judge": JudgeAsker, "endpoint": JudgeAsker, "agent": AgentAsker}
)


@contextmanager
def askers_of(settings: CascadeSettings, max_cost: float | None) -> Iterator[dict[str, LevelAsker]]:
    """All levels that answer by themselves, by name, ready to be asked; closed in the end.

    Raises
    ------
    InputError : a level is wrong, its backend cannot answer its variant, or a limit on cost was given and a server has
        no price.
    EnvironmentFailure : a package is not installed.
    """
    found: dict[str, LevelAsker] = {}
    try:
        for level in settings.answering:
            try:
                found[level.name] = ASKERS[level.kind](level)
            except InputError as error:
                where = f"level '{level.name}'" + (f", {error.where}" if error.where else "")
                raise InputError(error.problem, where=where, hint=error.hint) from error
        check_prices(found, max_cost)
        yield found
    finally:
        for one in found.values():
            one.close()


def check_prices(askers: Mapping[str, LevelAsker], max_cost: float | None) -> None:
    """A limit on cost needs the price of every server, and one server at least.

    Raises
    ------
    InputError : there is a limit, and some price is not known.
    """
    if max_cost is None:
        return
    backends = [one.backend for one in askers.values() if isinstance(one, JudgeAsker)]
    servers = [backend for backend in backends if isinstance(backend, Accounted)]
    for backend in servers:
        check_limit(backend, max_cost)
    if not servers:
        problem, hint = (
            "a limit on cost needs prices, and no level has one",
            "Give price_input and price_output of a level",
        )
        raise InputError(problem, where="--max-cost", hint=hint)


def opened(level: JudgeLevel | AgentLevel, variants: Sequence[Variant]) -> tuple[Backend, Judge]:
    """The judge of a level, checked for its variants.

    Raises
    ------
    InputError : settings that do not fit, or a variant that it cannot answer.
    """
    given = {name: getattr(level, name) for name in JUDGE_FIELDS}
    judge = Judge(**given)
    backend = open_judge(judge)[0]
    for variant in variants:
        if variant.aspect != "relevance" or variant.method == "pairwise":
            problem = f"variant '{variant.name}' says nothing of a pair by itself"
            backend.close()
            raise InputError(problem, hint="Give a variant of relevance, and none of method pairwise.")
        check_method(backend, variant)
    return backend, judge


def judge_files(settings: CascadeSettings) -> dict[str, Any]:
    """What the levels read, by option: variants, models and scorers."""
    found: dict[str, Any] = {}
    for level in settings.answering:
        if isinstance(level, ScorerLevel):
            found[f"scorer of {level.name}"] = Path(level.scorer)
        else:
            found[f"model of {level.name}"] = level.model
    return found
