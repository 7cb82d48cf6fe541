"""``sie run``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from sie_agent.cli.options import OutFolder, Overwrite, RetryFailed, examples
from sie_agent.cli.output import call, number, show
from sie_agent.cli.words import causes, counted

EPILOG = examples(
    "sie run quickstart --out runs/quickstart",
    "sie run my-suite.yaml --out runs/mine --set draws=[1,2] --set target.epochs=4",
)


def command(
    suite: Annotated[str, typer.Argument(help="A suite: a YAML file, or the name of one that ships.", metavar="SUITE")],
    out: OutFolder,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", help="Change a setting of the suite; may be repeated.", metavar="KEY=VALUE"),
    ] = None,
    retry_failed: RetryFailed = False,
    overwrite: Overwrite = False,
) -> None:
    """Do all that a suite says: judge, label, distill, choose target and weights, test them on rankers, report.

    A run that was stopped goes on where it was: give the same command again.
    """

    def work() -> dict[str, object]:
        from sie_agent.suite import run_suite

        return dict(run_suite(suite, out, overrides=overrides or (), retry_failed=retry_failed, overwrite=overwrite))

    result = call(work)
    show(result, lines_of(result))


def lines_of(result: dict[str, object]) -> list[str]:
    """The verdict, what the judge's knowledge gains, agreement with gradients below it, and where the report lies."""
    lines = []
    verdict, headline, agreed = (result.get(name) for name in ("verdict", "headline", "agreement"))
    if isinstance(verdict, dict):
        lines.append(str(verdict.get("text", "")))
    if isinstance(headline, dict):
        lines += headline_lines(headline)
    if isinstance(agreed, dict) and agreed.get("metrics"):
        metrics = ", ".join(f"{name.replace('_', ' ')} {number(value)}" for name, value in agreed["metrics"].items())
        about = f"{agreed.get('label')} by {agreed.get('judge')} against {agreed.get('reference')}"
        lines.append("Agreement with gradients, which does not show that a judge knows anything:")
        lines += [f"  {line}" for line in reliability_lines(str(agreed.get("reference")), result.get("reliability"))]
        lines.append(f"  {about} ({agreed.get('mode')}): {metrics}")
    lines += kept_lines(result.get("kept")) + scored_lines(result.get("scored"))
    lines += lost_lines(result)
    lines.append(f"Report: {result.get('report')}")
    return lines


def scored_lines(scored: object) -> list[str]:
    """How many rows have a score, and which of them nothing was learned from."""
    if not isinstance(scored, dict):
        return []
    told = f"Scores: {counted(scored['rows'], 'row')}"
    if scored["held_out"]:
        told += (
            f", {scored['held_out']:,} of them of queries that were held out to choose and to test on (`held_out` in "
            "scores.parquet): the scorer learned nothing from those"
        )
    return [told]


def lost_lines(result: Mapping[str, Any]) -> list[str]:
    """What the run had to do without, and why."""
    failed, reasons = result.get("failed") or [], result.get("reasons") or {}
    lines = [str(one["text"]) for one in failed]
    if result.get("instead_of"):
        lines.append(
            f"The headline is about judge '{result['verdict']['judge']}', in place of '{result['instead_of']}'"
        )
    if result.get("pairs_without_grade"):
        count, why = int(result["pairs_without_grade"]), causes(reasons.get("relevance", []))
        told = f"{counted(count, 'pair')} {'has' if count == 1 else 'have'}"
        lines.append(f"{told} no judgment{why}: judgments.parquet says why, pair by pair")
    if reasons.get("clarity"):
        without = sum(one["count"] for one in reasons["clarity"])
        queries = f"{counted(without, 'query')} {'has' if without == 1 else 'have'}"
        lines.append(f"{queries} no clarity{causes(reasons['clarity'])}")
    lines += [f"{one['judge']}: {one['hint']}" for one in failed if one.get("hint")]
    if failed or lines:
        lines.append("What was answered is kept: the same command, given again, asks only what is missing.")
        lines.append("With --retry-failed it also asks again where an answer came that is no judgment.")
    return lines


def headline_lines(headline: Mapping[str, Any]) -> list[str]:
    """What the ranker gains with the judge, and how much of it the judge's knowledge does."""
    if headline.get("gain") is None:
        return []
    judge = f"{headline['judge']} ({headline['mode']})"
    told = f"Gain over the log within queries, {judge}: {points(headline['gain'])} points"
    if headline.get("less_twin") is None:
        return [told]
    return [f"{told}; more than its twin gains, whose knowledge was removed: {points(headline['less_twin'])} points"]


def kept_lines(kept: object) -> list[str]:
    """What rankers lose on a share of the rows, and the time that it saves; a line for each share."""
    if not isinstance(kept, list) or not kept:
        return []
    lines = ["Trained on a share of the rows (points within queries less all rows; of the time for all rows):"]
    for keep in sorted({one["keep"] for one in kept}, reverse=True):
        told = [
            f"{decided(one['by'])} {points(one['minus_log'])}{share(one['of_log'])}"
            for one in kept
            if one["keep"] == keep
        ]
        lines.append(f"  {keep:.0%}: {', '.join(told)}")
    return lines


def decided(by: str) -> str:
    """What rows were kept by."""
    return "at random" if by == "random" else f"by {by}"


def points(figure: Mapping[str, float | None] | None) -> str:
    """A difference in percentage points with its interval; a dash where there is none."""
    ends = [None if figure is None else figure[name] for name in ("value", "ci_low", "ci_high")]
    value, low, high = (None if end is None else f"{100 * end:+.1f}" for end in ends)
    return "–" if value is None else f"{value} [{low}, {high}]"


def share(of_log: float | None) -> str:
    """The time as a share of that for all rows; nothing where it is not known."""
    return "" if of_log is None else f" ({of_log:.0%})"


def reliability_lines(reference: str, reliability: object) -> list[str]:
    """How far a reference agrees with itself, which comes before any agreement with it."""
    if not isinstance(reliability, dict) or not reliability:
        return []
    told = ", ".join(
        f"{metric.replace('_', ' ')} {number(one['value'])} (no label can agree at more than {number(one['bound'])})"
        for metric, one in reliability.items()
    )
    return [f"Reliability of {reference}: {told}"]
