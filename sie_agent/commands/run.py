"""``sie run`` and ``sie evaluate``: every stage of a suite, and the figures of a run recomputed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import starmap
from pathlib import Path
from typing import Any

from sie_agent.commands.verb import OUT_FOLDER, Option, Verb
from sie_agent.commands.words import causes, number
from sie_agent.utils.counts import counted

HELD_OUT = (
    ", {:,} of them of queries that were held out to choose and to test on (`held_out` in scores.parquet): the scorer "
    "learned nothing from those"
)


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

    To resume a stopped run, give the same command again.

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
    InputError : *out* holds something else, or is not a place to write; and see the stages.
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
    """Recompute the figures and the report of a run from its files; nothing is judged or trained.

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


def lines(result: Mapping[str, Any]) -> Iterator[str]:
    """The verdict, what the judge's knowledge gains, agreement with gradients below it, and where the report lies."""
    if result.get("verdict"):
        yield str(result["verdict"].get("text", ""))
    yield from headline_lines(result.get("headline") or {})
    agreed = result.get("agreement") or {}
    if agreed.get("metrics"):
        metrics = ", ".join(f"{name.replace('_', ' ')} {number(value)}" for name, value in agreed["metrics"].items())
        yield "Agreement with gradients, which does not show that a judge knows anything:"
        if reliability := result.get("reliability"):
            yield f"  Reliability of {agreed.get('reference')}: {', '.join(starmap(bounded, reliability.items()))}"
        about = f"{agreed.get('label')} by {agreed.get('judge')} against {agreed.get('reference')}"
        yield f"  {about} ({agreed.get('mode')}): {metrics}"
    yield from kept_lines(result.get("kept") or [])
    if scored := result.get("scored"):
        held_out = HELD_OUT.format(scored["held_out"]) if scored["held_out"] else ""
        yield f"Scores: {counted(scored['rows'], 'row')}{held_out}"
    lost = list(lost_lines(result))
    yield from lost
    if lost:
        yield "What was answered is kept: the same command, given again, asks only what is missing."
        yield "With --retry-failed it also asks again where an answer came that is not a judgment."
    yield f"Report: {result.get('report')}"


def lost_lines(result: Mapping[str, Any]) -> Iterator[str]:
    """What the run had to do without, and why."""
    failed, reasons = result.get("failed") or [], result.get("reasons") or {}
    yield from (str(one["text"]) for one in failed)
    if result.get("instead_of"):
        yield f"The headline is about judge '{result['verdict']['judge']}', in place of '{result['instead_of']}'"
    if count := int(result.get("pairs_without_grade") or 0):
        why = causes(reasons.get("relevance", []))
        yield f"{they_have(count, 'pair')} no judgment{why}: judgments.parquet says why, pair by pair"
    if unclear := reasons.get("clarity"):
        yield f"{they_have(sum(one['count'] for one in unclear), 'query')} no clarity{causes(unclear)}"
    yield from (f"{one['judge']}: {one['hint']}" for one in failed if one.get("hint"))


def they_have(count: int, what: str) -> str:
    """``1 pair has``, ``2 pairs have``."""
    return f"{counted(count, what)} {'has' if count == 1 else 'have'}"


def headline_lines(headline: Mapping[str, Any]) -> Iterator[str]:
    """What the ranker gains with the judge, and how much of it the judge's knowledge does."""
    if headline.get("gain") is not None:
        judge = f"{headline['judge']} ({headline['mode']})"
        twin = headline.get("less_twin")
        more = f"; more than its twin gains, whose knowledge was removed: {points(twin)} points" if twin else ""
        yield f"Gain over the log within queries, {judge}: {points(headline['gain'])} points{more}"


def kept_lines(kept: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """What rankers lose on a share of the rows, and the time that it saves; a line for each share."""
    if kept:
        yield "Trained on a share of the rows (points within queries less all rows; of the time for all rows):"
    for keep in sorted({one["keep"] for one in kept}, reverse=True):
        yield f"  {keep:.0%}: {', '.join(loss(one) for one in kept if one['keep'] == keep)}"


def loss(kept: Mapping[str, Any]) -> str:
    """What is lost where rows are kept by one score, and the share of the time where it is known."""
    by = "at random" if kept["by"] == "random" else f"by {kept['by']}"
    time = "" if kept["of_log"] is None else f" ({kept['of_log']:.0%})"
    return f"{by} {points(kept['minus_log'])}{time}"


def points(figure: Mapping[str, float | None] | None) -> str:
    """A difference in percentage points with its interval; a dash where there is none."""
    ends = [None if figure is None else figure[name] for name in ("value", "ci_low", "ci_high")]
    value, low, high = (None if end is None else f"{100 * end:+.1f}" for end in ends)
    return "–" if value is None else f"{value} [{low}, {high}]"


def bounded(metric: str, one: Mapping[str, float | None]) -> str:
    """How far a reference agrees with itself, and so how far anything can agree with it."""
    bound = f"no label can agree at more than {number(one['bound'])}"
    return f"{metric.replace('_', ' ')} {number(one['value'])} ({bound})"


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
