"""``sie run`` and ``sie evaluate``: every stage of a suite, and the figures of a run anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sie_agent.commands.verb import OUT_FOLDER, Option, Verb
from sie_agent.commands.words import causes, number
from sie_agent.utils.counts import counted


def run_suite(
    suite: str | Path,
    out: str | Path,
    *,
    overrides: Sequence[str] = (),
    retry_failed: bool = False,
    cache_path: str | Path | None = None,
    command: str | None = None,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Do all that a suite says: judge, label, distill, choose target and weights, test them on rankers, report.

    A run that was stopped goes on where it was: give the same command again.

    Parameters
    ----------
    suite : A suite: a YAML file, or the name of one that ships.
    out : Folder to write into.
    overrides : Change a setting of the suite; may be repeated.
    retry_failed : ask judges again where the cache holds a lasting failure.
    cache_path : the judgment cache; the default one when not given.
    command : what the manifest calls the command; that of this process when not given.
    overwrite : replace what another suite, other settings or other work left there.

    Returns
    -------
    Summary: ``report``, ``verdict``, ``headline`` and ``exit_code`` (3 where some pairs have no judgment).

    Raises
    ------
    InputError : *out* holds something else, or is no place to write; and see the stages.
    EnvironmentFailure : see the stages.

    Examples
    --------
    >>> import sie_agent as sie
    >>> result = sie.run_suite("small.yaml", "runs/small", overrides=["target.epochs=2"])
    >>> result["report"], result["exit_code"]
    ('runs/small/report.html', 0)
    """
    from sie_agent import suite as stages

    how: dict[str, Any] = {"retry_failed": retry_failed, "cache_path": cache_path, "command": command}
    return stages.run_suite(suite, out, overrides=overrides, overwrite=overwrite, **how)


def evaluate_run(run_dir: str | Path) -> dict[str, Any]:
    """Compute the figures and the report of a run anew from its files; nothing is judged or trained.

    Parameters
    ----------
    run_dir : Folder that ``sie run`` wrote.

    Returns
    -------
    As :func:`run_suite`.

    Raises
    ------
    InputError : the folder holds no finished run.

    Examples
    --------
    >>> import sie_agent as sie
    >>> first = sie.run_suite("small.yaml", "runs/small")
    >>> sie.evaluate_run("runs/small")["headline"] == first["headline"]
    True
    """
    from sie_agent import suite as stages

    return stages.evaluate_run(run_dir)


def lines(result: dict[str, object]) -> list[str]:
    """The verdict, what the judge's knowledge gains, agreement with gradients below it, and where the report lies."""
    told: list[str] = []
    verdict, headline, agreed = (result.get(name) for name in ("verdict", "headline", "agreement"))
    if isinstance(verdict, dict):
        told.append(str(verdict.get("text", "")))
    if isinstance(headline, dict):
        told += headline_lines(headline)
    if isinstance(agreed, dict) and agreed.get("metrics"):
        metrics = ", ".join(f"{name.replace('_', ' ')} {number(value)}" for name, value in agreed["metrics"].items())
        about = f"{agreed.get('label')} by {agreed.get('judge')} against {agreed.get('reference')}"
        told.append("Agreement with gradients, which does not show that a judge knows anything:")
        told += [f"  {line}" for line in reliability_lines(str(agreed.get("reference")), result.get("reliability"))]
        told.append(f"  {about} ({agreed.get('mode')}): {metrics}")
    told += kept_lines(result.get("kept")) + scored_lines(result.get("scored"))
    told += lost_lines(result)
    told.append(f"Report: {result.get('report')}")
    return told


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


RUN = Verb(
    run_suite,
    lines,
    examples=(
        "sie run quickstart --out runs/quickstart",
        "sie run my-suite.yaml --out runs/mine --set draws=[1,2] --set target.epochs=4",
    ),
    options={"suite": Option("SUITE", argument=True), "out": OUT_FOLDER},
    python_only=("cache_path", "command"),
)
EVALUATE = Verb(
    evaluate_run,
    lines,
    examples=("sie evaluate runs/quickstart",),
    options={"run_dir": Option("RUN_DIR", argument=True)},
)
