"""Hard cases from beginning to end: chosen, taken through the graph wave by wave, and put back among the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from sie_agent.agent.asking import Asker, Level
from sie_agent.agent.assessing import hard_places, records_of, uncertainties
from sie_agent.agent.cases import Case, traces_of
from sie_agent.agent.graph import MOST_STEPS, compiled_graph
from sie_agent.agent.limits import Ledger
from sie_agent.agent.nodes import Nodes
from sie_agent.agent.settings import PROFILE_VARIANT, VARIANTS, AgentSettings
from sie_agent.agent.shelf import Shelf
from sie_agent.agent.tools import DEFAULT_TOOLS, TOOLS, Tool
from sie_agent.errors import InputError
from sie_agent.judging import (
    JUDGMENT_COLUMNS,
    Account,
    Backend,
    JudgmentCache,
    Session,
    Variant,
    check_method,
    choice_variant,
    load_variant,
    tool_chooser,
)
from sie_agent.utils.progress import bar, say

# of a row, what the agent may see
SEEN = ("sample_id", "query", "item_id", "title", "description", "attributes", "user_id", "history", "timestamp")
DETAIL_CHARS = 500


@dataclass(frozen=True)
class AgentResult:
    """What an agent made of hard pairs.

    Attributes
    ----------
    judgments : a row for each row that was given, in their order, with ``JUDGMENT_COLUMNS``: the agent's where it
        judged with evidence (``variant`` ends in ``+agent``, ``detail`` says why it stopped), else the one-pass one.
    traces : every step of every hard pair.
    chosen, handed : places of the rows that the agent took, the least sure first, and of those for people.
    settle : the uncertainty at which a pair was settled.
    calls, tokens, cost : what all answers took, those from the cache as if they were asked.
    account : what was really asked and paid for.
    stopped : how many pairs stopped for which reason.
    """

    judgments: pd.DataFrame
    traces: pd.DataFrame
    chosen: list[int]
    handed: list[int]
    settle: float
    calls: int
    tokens: int
    cost: float
    account: Account
    stopped: dict[str, int] = field(default_factory=dict)


def judge_hard_cases(
    rows: pd.DataFrame,
    judged: pd.DataFrame,
    backend: Backend,
    cache: JudgmentCache,
    settings: AgentSettings | None = None,
    *,
    log: pd.DataFrame | None = None,
    stronger: Mapping[str, Backend] | None = None,
    catalogue: pd.DataFrame | None = None,
    session: Session | None = None,
) -> AgentResult:
    """Judge the pairs again that a one-pass judge is least sure of, with evidence that is looked up.

    Parameters
    ----------
    rows : the table of samples. Its grades are dropped before anything else is done, and no row's own label is shown.
    judged : judgments of relevance, of all *rows* and maybe of more of *log*: which pairs are hard, and what tools show
        of other pairs.
    backend, cache : who judges again, and where all answers are kept: choices of tools as well.
    settings : which pairs, which tools, which limits.
    log : the whole log, that tools look through; *rows* if not given.
    stronger : further judges by name, asked in turn about what stays unsure.
    catalogue : items that tools look through (``title``, maybe ``item_id``, ``attributes``); those of the log if not
        given.
    session : counts and limits several calls together; one of its own if not given.

    Returns
    -------
    The judgments of all *rows*, and the traces of the hard ones.

    Raises
    ------
    InputError : a row has no judgment in *judged*, a backend cannot answer the variant, a limit on cost without prices.
    MissingExtraError : the extra ``agent`` is not installed.
    EnvironmentFailure, KeyboardInterrupt : as of ``judge``; what was answered is kept, and the next call goes on.
    """
    used = settings or AgentSettings()
    judges = {"judge": backend, **(stronger or {})}
    levels = [Level(name, one, evidence_variant(one, used)) for name, one in judges.items()]
    one_pass = one_pass_of(rows, judged)
    chosen, settle = hard_places(uncertainties(judged, rows["sample_id"]), used)
    ledger = Ledger(used)
    ledger.check(list(judges.values()))
    main = session or Session(backend, cache, max_cost=used.max_cost)
    asker = Asker(cache, ledger, main, used.max_cost, {id(backend): main})
    shelf = Shelf(rows if log is None else log, judged, catalogue, by_meaning=used.by_meaning)
    tools = usable_tools(backend, used)
    chooser = chooser_of(backend, levels[0].variant, tools) if used.order == "model" else None
    nodes = Nodes(used, shelf, asker, tools, levels, settle, chooser)
    cases = cases_of(rows, one_pass, chosen, uncertainties(judged, rows["sample_id"]))
    graph = compiled_graph(nodes)
    with bar(f"Hard pairs with {backend.model}", len(cases)) as shown:
        for start in range(0, len(cases), used.wave):
            wave = cases[start : start + used.wave]
            graph.invoke({"cases": wave}, {"recursion_limit": MOST_STEPS})
            shown.advance(len(wave), note=main.note())
    return result_of(one_pass, cases, chosen, settle, asker)


def evidence_variant(backend: Backend, settings: AgentSettings) -> Variant:
    """The variant by which a backend is asked with evidence.

    Raises
    ------
    InputError : it shows no evidence, or the backend cannot answer it.
    """
    named = settings.variant
    if named is None:
        method = next((one for one in VARIANTS if one in backend.methods), None)
        if method is None:
            problem = f"backend '{backend.kind}' cannot judge with evidence"
            raise InputError(problem, where="--backend", hint="Use openai, vllm, langchain or local")
        named = VARIANTS[method]
    variant = load_variant(named)
    if not variant.max_evidence_chars:
        hint = f"Give it a max_evidence_chars and show evidence in its template, as {VARIANTS['graded']} does"
        raise InputError(f"variant '{variant.name}' shows no evidence", where="--variant", hint=hint)
    check_method(backend, variant)
    return variant


def usable_tools(backend: Backend, settings: AgentSettings) -> list[Tool]:
    """The tools that may be used; those that ask only where the judge can answer them."""
    writes = load_variant(PROFILE_VARIANT).method in backend.methods
    named = settings.tools
    if named is None:
        named = DEFAULT_TOOLS if writes and settings.order == "fixed" else tuple(TOOLS)
    tools = [TOOLS[name] for name in named]
    left_out = [tool.name for tool in tools if tool.asks and not writes]
    if left_out:
        names = ", ".join(left_out)
        tools_are = f"the tool {names} is" if len(left_out) == 1 else f"the tools {names} are"
        say(f"{tools_are} off: backend '{backend.kind}' cannot write")
    return [tool for tool in tools if tool.name not in left_out]


def chooser_of(backend: Backend, variant: Variant, tools: list[Tool]) -> tuple[Backend, Variant]:
    """Who chooses the tools, and how it is asked."""
    about = {tool.name: tool.about for tool in tools}
    chooser = tool_chooser(backend, about, [tool.name for tool in tools if tool.takes_words])
    return chooser, choice_variant(about, variant)


def one_pass_of(rows: pd.DataFrame, judged: pd.DataFrame) -> pd.DataFrame:
    """The first judgment of each row, in their order.

    Raises
    ------
    InputError : a row has none.
    """
    relevance = judged[judged["aspect"] == "relevance"] if "aspect" in judged else judged
    first = relevance.drop_duplicates("sample_id").set_index("sample_id", drop=False)
    ids = rows["sample_id"].to_numpy(object)
    missing = ~pd.Index(ids).isin(first.index)
    if missing.any():
        problem = f"the sample {ids[missing.argmax()]} has no judgment"
        raise InputError(problem, where="--judgments", hint="Label the same data first: sie label")
    return first.loc[ids, list(JUDGMENT_COLUMNS)].reset_index(drop=True)


def cases_of(rows: pd.DataFrame, one_pass: pd.DataFrame, chosen: list[int], unsure: Any) -> list[Case]:
    """The hard pairs, as the graph takes them: without grade and label."""
    names = [name for name in SEEN if name in rows.columns]
    texts, told = records_of(rows[names].iloc[chosen]), records_of(one_pass.iloc[chosen])
    return [Case(place, row, one, float(unsure[place])) for place, row, one in zip(chosen, texts, told, strict=True)]


def result_of(one_pass: pd.DataFrame, cases: list[Case], chosen: list[int], settle: float, asker: Asker) -> AgentResult:
    """The judgments put back among the others, and what it took."""
    judgments = one_pass.copy()
    judged = [case for case in cases if case.judged is not None]
    places = [case.place for case in judged]
    agents = pd.DataFrame([{**(case.judged or {}), "detail": case.why[:DETAIL_CHARS]} for case in judged])
    for name in JUDGMENT_COLUMNS[4:] if judged else ():
        judgments.loc[places, name] = agents[name].to_numpy()
    stopped: dict[str, int] = {}
    for case in cases:
        reason = case.why.partition(": uncertainty")[0]
        stopped[reason] = stopped.get(reason, 0) + 1
    total = asker.ledger.total
    handed = [case.place for case in cases if case.handed]
    figures: dict[str, Any] = {
        "calls": total.calls,
        "tokens": total.tokens,
        "cost": total.cost,
        "account": asker.account,
    }
    return AgentResult(judgments, traces_of(cases), chosen, handed, settle, **figures, stopped=stopped)
