"""The tools that may cost money: label, compare_prompts and, where it is there, campaign."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Annotated, Any, ParamSpec, TypeVar

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import ToolAnnotations
from pydantic import Field

from sie_agent.commands.judge_prices import is_paid
from sie_agent.commands.mcp_server import looking
from sie_agent.commands.mcp_server.answers import ComparedAnswer, LabelAnswer
from sie_agent.commands.mcp_server.arguments import (
    Budget,
    Data,
    Limit,
    Map,
    MaxCost,
    Name,
    Path_,
    Variant,
    check_output,
    limit_of,
)
from sie_agent.commands.mcp_server.asked import judge_named, judge_options, judge_spec
from sie_agent.commands.mcp_server.campaign_tool import add_campaign, there_is_campaign
from sie_agent.commands.mcp_server.confined import ServerRoot
from sie_agent.commands.mcp_server.ledger import ClientLedger
from sie_agent.commands.mcp_server.paid import PaidCalls
from sie_agent.commands.mcp_server.server import SieServer
from sie_agent.commands.mcp_server.shown import short
from sie_agent.errors import SieError

P = ParamSpec("P")
R = TypeVar("R")

WRITING = ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=True)


def add_spending(server: SieServer, ledger: ClientLedger) -> None:
    """Add the tools to a server."""
    calls = PaidCalls(server.root, ledger)
    adding: list[Callable[[SieServer, PaidCalls], Callable[..., Awaitable[Any]]]] = [add_label, add_compare]
    if there_is_campaign():
        adding.append(add_campaign)
    for add in adding:
        server.tools.add_tool(in_words(server.root, add(server, calls)), annotations=WRITING)


def in_words(root: ServerRoot, tool: Callable[P, Awaitable[R]]) -> Callable[P, Awaitable[R]]:
    """What goes wrong as an error of the tool, in the words that a person would get."""

    @wraps(tool)
    async def call(*given: P.args, **named: P.kwargs) -> R:
        try:
            return await tool(*given, **named)
        except SieError as error:
            raise ToolError(root.without_root(str(error))) from error

    return call


def source_options(root: ServerRoot, data: str, column_map: str | None, limit: int | None) -> list[str]:
    """Data, map and limit as options of a verb."""
    source = root.data(data)
    mapped = root.column_map(column_map, source)
    options = [f"--data={source}", *([] if mapped is None else [f"--map={mapped}"])]
    return [*options, *([] if limit is None else [f"--limit={limit}"]), "--log-json=-"]


def add_label(server: SieServer, calls: PaidCalls) -> Callable[..., Awaitable[LabelAnswer]]:
    """The tool that puts a log before a judge."""
    root = server.root

    async def label(
        context: Context[Any, Any],
        data: Data,
        variant: Variant,
        out: Path_,
        judge: Name = "lexical",
        max_cost: MaxCost = None,
        column_map: Map = None,
        limit: Limit = None,
        budget: Budget = None,
        strategy: Annotated[str | None, Field(max_length=60)] = None,
    ) -> LabelAnswer:
        """Put the pairs of a log before a judge; writes judgments.parquet and manifest.json into the folder *out*.

        Made again with the same arguments it goes on, and asks nothing twice.
        """
        asked = judge_named(server.judges, judge)
        most = limit_of(is_paid(judge, asked), max_cost)
        options = [*source_options(root, data, column_map, limit), *judge_options(asked)]
        options += [f"--variant={root.variant(variant)}", f"--out={check_output(root, out)}", "--skip-invalid"]
        options += [] if budget is None else [f"--budget={budget}"]
        options += [] if strategy is None else [f"--strategy={strategy}"]
        found = await calls.run("label", options, context, most)
        counts = {name: int(found[name]) for name in ("pairs", "ok", "failed", "cached", "asked")}
        stopped = None if found["stopped"] is None else short(found["stopped"])
        ends: dict[str, Any] = {"complete": found["exit_code"] == 0, "left": calls.ledger.left()}
        return LabelAnswer(out=out, **counts, cost=found["cost"], stopped=stopped, **ends)

    return label


def add_compare(server: SieServer, calls: PaidCalls) -> Callable[..., Awaitable[ComparedAnswer]]:
    """The tool that compares prompt variants."""
    root = server.root

    async def compare_prompts(
        context: Context[Any, Any],
        data: Data,
        variants: Annotated[list[str], Field(min_length=1, max_length=20, description="the first is the one in use")],
        out: Path_,
        judges: Annotated[list[Name], Field(min_length=1, max_length=5)],
        max_cost: MaxCost = None,
        column_map: Map = None,
        limit: Limit = None,
        until_decided: bool = False,
        decide_by: Annotated[str | None, Field(max_length=60)] = None,
    ) -> ComparedAnswer:
        """Judge the same pairs with several prompt variants and judges, and say which to take.

        Writes comparison.html, comparison.json, judgments.parquet and manifest.json into the folder *out*.
        """
        asked = {name: judge_named(server.judges, name) for name in judges}
        most = limit_of(any(list(map(is_paid, asked, asked.values()))), max_cost)
        options = [*source_options(root, data, column_map, limit), "--skip-invalid"]
        options += [f"--judge={judge_spec(name, one)}" for name, one in asked.items()]
        options += [f"--variants={root.variant(one)}" for one in variants]
        options += [f"--out={check_output(root, out)}", *(["--until=decided"] if until_decided else [])]
        options += [] if decide_by is None else [f"--decide-by={decide_by}"]
        found = await calls.run("compare-prompts", options, context, most)
        stopped = None if found.get("stopped") is None else short(found["stopped"])
        told = looking.comparison_of(root, out)
        return ComparedAnswer(comparison=told, cost=found["cost"], stopped=stopped, left=calls.ledger.left())

    return compare_prompts
