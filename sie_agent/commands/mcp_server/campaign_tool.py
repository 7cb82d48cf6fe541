"""The tool ``campaign``: the owner's goal, with judges that the owner named, within the sum."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from mcp.server.mcpserver import Context

from sie_agent.campaign import load_goal
from sie_agent.commands.judge_prices import is_paid
from sie_agent.commands.judge_specs import parse_judge
from sie_agent.commands.mcp_server.answers import CampaignAnswer
from sie_agent.commands.mcp_server.arguments import MaxCost, Path_, check_output, limit_of
from sie_agent.commands.mcp_server.asked import judge_named
from sie_agent.commands.mcp_server.confined import ServerRoot
from sie_agent.commands.mcp_server.paid import PaidCalls
from sie_agent.commands.mcp_server.server import SieServer
from sie_agent.commands.mcp_server.shown import short
from sie_agent.errors import InputError
from sie_agent.files.json_files import read_json
from sie_agent.utils.extras import is_installed

MOST_TOLD = 20
WHERE = "goal"


def there_is_campaign() -> bool:
    """Whether its extra is installed."""
    return is_installed("langgraph")


def add_campaign(server: SieServer, calls: PaidCalls) -> Callable[..., Awaitable[CampaignAnswer]]:
    """The tool that carries out a goal, as far as it is approved."""
    root = server.root

    async def campaign(context: Context[Any, Any], goal: Path_, out: Path_, max_cost: MaxCost = None) -> CampaignAnswer:
        """Plan and carry out a goal (a YAML file in the root) within its budget, and within max_cost for this call.

        Its judges must be among those that `spending` lists. Call it again to go on. Where people must grade it says
        so: that is done on the command line.
        """
        path, folder = root.there(goal, "goal"), Path(check_output(root, out))
        read = checked_goal(server, path)
        judges = [parse_judge(spec) for spec in read.judges]
        paid = any(list(map(is_paid, *zip(*judges, strict=True))))
        most = limit_of(paid, max_cost)
        if paid and read.budget.unit != "money":
            hint = "Give the goal a budget in money: in another unit no sum can hold"
            raise InputError("its judges are paid for", where=f"{WHERE}, field 'budget'", hint=hint)
        before = spent_money(folder)
        approved = before + most if most is not None else read.budget.total
        options = [f"--out={folder}", f"--yes={approved!r}", "--skip-invalid", str(path)]

        def cost() -> float:
            return spent_money(folder) - before

        found = await calls.run("campaign", options, context, most, None, cost=cost)
        waits = found["waits_for"]
        state = "done" if waits is None else f"waits for {waits['kind']}: {short(waits['words'])}"
        told = [short(one["decided"]) for one in found["decisions"][-MOST_TOLD:]]
        return CampaignAnswer(out=out, state=state, told=told, cost=found["cost"], left=calls.ledger.left())

    return campaign


def checked_goal(server: SieServer, path: Path) -> Any:
    """A goal that names nothing outside the root, and nobody but the owner's judges.

    Raises
    ------
    InputError : it does.
    """
    read = load_goal(path)
    root = server.root
    data = inside(root, read.log.data, "log.data")
    root.column_map(None if read.log.map is None else inside(root, read.log.map, "log.map"), root.data(data))
    for name in read.variants:
        root.variant(inside(root, name, "variants"))
    for spec in read.judges:
        name, judge = parse_judge(spec, where=f"{WHERE}, field 'judges'")
        if judge_named(server.judges, name) != judge:
            problem = f"its judge '{short(name, 60)}' is not the one that the server was started with"
            raise InputError(problem, where=f"{WHERE}, field 'judges'", hint="Write it as after --judge")
    for field, value, allowed in (("planner", read.planner, "rules"), ("cascade", read.cascade, None)):
        if value != allowed:
            hint = "Leave it out, or run the campaign on the command line"
            raise InputError("may ask others than the server's judges", where=f"{WHERE}, field '{field}'", hint=hint)
    return read


def inside(root: ServerRoot, name: str, field: str) -> str:
    """A path of a goal as clients write it; names that are no path stay.

    Raises
    ------
    InputError : it leads out of the root.
    """
    if not Path(name).is_absolute():
        return name
    found = Path(name).resolve()
    if not root.holds(found):
        raise InputError("is outside the server's root", where=f"{WHERE}, field '{field}'")
    return root.shown(found)


def spent_money(folder: Path) -> float:
    """USD that a campaign has spent so far; 0 of one that has not begun."""
    file = folder / "campaign.json"
    return money_of(read_json(file)) if file.is_file() else 0.0


def money_of(result: Any) -> float:
    """USD in all, of a campaign's result.

    Raises
    ------
    InputError : it does not say.
    """
    rows = result.get("spending", []) if isinstance(result, Mapping) else None
    try:
        return sum(float(row["money"] or 0.0) for row in rows or [] if row["step"] == "total")
    except (TypeError, KeyError, ValueError):
        raise InputError("does not say what it spent", where="campaign.json", hint="Give another out") from None
