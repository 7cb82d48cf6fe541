"""What ``sie label`` prints of a log that was judged, or of the plan for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sie_agent.commands.words import asked_again, causes, cost_line, duration, plan_lines, tries_line, yes_lines
from sie_agent.utils.counts import counted


def lines(result: dict[str, Any]) -> Iterator[str]:
    """The result as it is printed; of a dry run, the plan."""
    if "levels" in result or "cascade" in result:
        from sie_agent.commands.cascade_lines import labelled_lines, planned_lines

        yield from planned_lines(result) if "levels" in result else labelled_lines(result)
        return
    if "parts" in result:
        yield from chosen_lines(result)
        yield from plan_lines(result)
        return
    yield from chosen_lines(result)
    asked_for = [told_pairs(result)] if "relevance" in result["aspects"] else []
    asked_for += [counted(result["queries"], "query")] if "clarity" in result["aspects"] else []
    asked_for += ["Items"] if "profile" in result["aspects"] else []
    yield f"{' and '.join(asked_for)} judged by {judged_by(result)} ({', '.join(result['variants'])})"
    if result["rows_skipped"]:
        read, used = (counted(result[name], "row") for name in ("rows_read", "rows_used"))
        yield f"  read            {read}: {used} used, {counted(result['rows_skipped'], 'row')} skipped"
    what = noun(result)
    if what == "row" and result["rows"] != result["pairs"]:
        yield "  counted in      rows; rows of the same texts are one question, which is asked once"
    yield f"  with an answer  {counted(result['ok'], what)}"
    yield f"  without         {counted(result['failed'], what)}{causes(result['reasons'])}"
    from_cache = "members' answer" if result.get("panel") else what
    yield f"  from the cache  {counted(result['cached'], from_cache)}"
    if result["per_second"] is not None:
        asked = f"{counted(result['asked'], 'question')} in {duration(result['seconds'])}"
        tokens = f"{result['tokens']['input']:,} tokens in, {result['tokens']['output']:,} out"
        yield f"  asked           {asked} ({result['per_second']:.1f}/s), {tokens}"
    yield from (f"  tries failed    {tries}" for tries in tries_line(result))
    yield from (f"  cost            {cost}" for cost in cost_line(result))
    if len(result["models"]) > 1:
        yield f"  several models  {', '.join(f'{name} {count:,}' for name, count in result['models'].items())}"
        yield from mixture_lines(result["mixture"])
    if result["positives"] + result["negatives"]:
        yield from yes_lines(result["positives"], result["negatives"], result["positive_at"])
    if "panel" in result:
        from sie_agent.commands.panel_results import panel_lines

        yield from panel_lines(result["panel"])
    yield f"Judgments: {result['judgments']}"
    yield from asked_again(result, result["failed"])


def chosen_lines(result: dict[str, Any]) -> Iterator[str]:
    """How the pairs of a budget were chosen."""
    if (budget := result.get("budget")) is None:
        return
    among = f" of {budget['chosen_from']:,} drawn" if budget["chosen_from"] < budget["pairs_in_log"] else ""
    sizes = budget["rounds"]
    rounds = f" in rounds of {', '.join(map(str, sizes))}" if len(sizes) > 1 and not budget["not_known_yet"] else ""
    yield f"{counted(sum(sizes), 'pair')}{among} of {budget['pairs_in_log']:,} chosen ({budget['strategy']}){rounds}"
    if budget["not_known_yet"]:
        left = counted(budget["not_known_yet"], "pair")
        yield f"  not known yet   {left}: answers will choose them, random ones stand in here"


def noun(result: dict[str, Any]) -> str:
    """What answers are counted by: all of them together are the pairs, the rows or the queries of the log."""
    answers = result["ok"] + result["failed"]
    kinds = {"pair": result["pairs"], "row": result["rows"]} if result["aspects"] == ["relevance"] else {}
    kinds = {"query": result["queries"]} if result["aspects"] == ["clarity"] else kinds
    return next((what for what, count in kinds.items() if count == answers), "judgment")


def told_pairs(result: dict[str, Any]) -> str:
    """How many pairs, and how many rows or impressions of the log they are where those are others."""
    pairs = counted(result["pairs"], "pair")
    more = [(result["rows"], "row"), (result["impressions"], "impression")]
    # rows that repeat pairs, or pairs that impressions were put together to
    told = [counted(count, what) for count, what in more if count not in (result["pairs"], 0)]
    told = told[:1] if result["rows"] == result["impressions"] else told
    return f"{pairs} ({', '.join(told)})" if told else pairs


def judged_by(result: dict[str, Any]) -> str:
    """Who judged, and who was asked where that was another."""
    asked = result["asked_model"]
    return result["model"] if asked == result["model"] else f"{result['model']} ({asked} was asked)"


def mixture_lines(mixture: dict[str, Any] | None) -> list[str]:
    """How far the models agree on pairs that each judged, and what it means for a scorer."""
    apart = "                  `sie distill` learns from one of them: choose it there with --model"
    if not mixture:
        return ["                  how far they agree is not known: no pair was judged by each", apart]
    return [
        f"                  {one['first']} and {one['second']} agree at Spearman {one['spearman']:.2f} "
        f"[{one['spearman_low']:.2f}, {one['spearman_high']:.2f}], {one['second']} higher by "
        f"{one['difference']:+.2f} ({counted(mixture['pairs'], 'pair')} judged by each)"
        for one in mixture["between"]
    ] + [apart]
