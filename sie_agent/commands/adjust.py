"""``sie adjust``: when a service's market drifted, judge what moved, distill again, and serve it where that helps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sie_agent.commands.judges import Judge, as_judge
from sie_agent.commands.verb import OUT_FOLDER, Option, Verb
from sie_agent.commands.words import plan_lines
from sie_agent.errors import EXIT_DONE, InputError
from sie_agent.utils.counts import counted
from sie_agent.utils.values import check_values

STEADY = "nothing to do"


def adjust(
    scorer: str | Path,
    data: str | Path | None = None,
    out: str | Path | None = None,
    *,
    service: str | None = None,
    state: str | Path | None = None,
    token_file: str | Path | None = None,
    variant: str | Path | None = None,
    judge: Judge | str | None = None,
    judgments: Sequence[str | Path] = (),
    sample: int = 500,
    yes: float | None = None,
    column_map: str | Path | None = None,
    split: str | None = None,
    grades: str | Path | None = None,
    overrides: Sequence[str] = (),
    seed: int = 0,
    roll_back: bool = False,
    cache_path: str | Path | None = None,
    skip_invalid: bool = False,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Ask a service what drifted, judge some of those rows, distill, and serve the new scorer where that helps.

    Nothing is done unless the service says that it is time to distill again. It is published only where the verdict is
    "use": where the market moved the judge orders items certainly better than chance, and the recipe chosen on
    held-out queries uses it. *scorer* is a link, turned in one step; the old scorer stays, and *roll_back* returns to
    it. A judge that is paid for is asked only with *yes*. Stopped at any moment, the same command goes on.

    Parameters
    ----------
    scorer : The link that `sie serve --scorer` was given.
    data : The log of the last weeks, with its labels and, where known, departments.
    out : Folder of this adjustment, which the new scorer is served from.
    service : Address of the service, which is asked what drifted and told to load the new scorer.
    state : The file of `sie serve --adjustment-file` in place of *service*; then nothing is told to load anything.
    token_file : File with the service's bearer token; otherwise SIE_SERVE_TOKEN.
    variant : Prompt variant: aspect/name, or a YAML file.
    judge : who is asked, or the name of a backend; the embedded model if not given.
    judgments : Earlier judgments of the log, by the same judge and variant; repeat it.
    sample : Rows of the departments that drifted that are judged, at least; whole queries.
    yes : Approve spending up to SUM USD in this call on a judge that is paid for.
    column_map, split : as `load_samples` takes them.
    grades : File with sample_id and grade (0 to 1) that people filled in, for the verdict; in place of the data's.
    overrides : A setting of the distillation, say labels.proxies=3; repeat it.
    seed : of the draw of queries and of the distillation.
    roll_back : Serve what was served before the last adjustment; *data* and *out* are not needed.
    cache_path : the judgment cache; the default one when not given.
    skip_invalid : what is done with rows that cannot be used, see `rows_policy`.
    overwrite : replace what other work left in *out*.

    Returns
    -------
    What ``adjusted.json`` holds, and ``serves`` (folder that the link points to), ``reloaded`` (version that the
    service has loaded, None where it was not told), ``plan`` (where it waits for approval), ``exit_code`` (3: it waits,
    or the verdict is not to use it).

    Raises
    ------
    InputError : *scorer* is no link, the data or the judge are wrong, or the sum was too small.
    EnvironmentFailure : the service does not answer, or refuses the new scorer.

    Examples
    --------
    >>> import pathlib
    >>> import sie_agent as sie
    >>> pathlib.Path("served").symlink_to("runs/scorer")
    >>> sie.adjust("served", roll_back=True)
    Traceback (most recent call last):
    ...
    sie_agent.errors.InputError: ...nothing is known that it pointed to before...
    """
    from sie_agent.commands.adjusting.drifted import reloaded
    from sie_agent.commands.adjusting.published import roll_back as rolled_back
    from sie_agent.commands.adjusting.published import served_link
    from sie_agent.serving.settings import read_token

    check_values(scorer=scorer, data=data, service=service, token_file=token_file, variant=variant, yes=yes)
    check_values(column_map=column_map, split=split, grades=grades, sample=sample, seed=seed)
    link = served_link(scorer)
    token = None if service is None else read_token(token_file, host="127.0.0.1")
    if roll_back:
        before = rolled_back(link)
        version = None if service is None else reloaded(service, token)
        return {"state": "rolled back", "serves": str(before), "reloaded": version, "exit_code": EXIT_DONE}
    if data is None or out is None or variant is None:
        missing = next(name for name, one in (("data", data), ("variant", variant), ("out", out)) if one is None)
        raise InputError(f"--{missing} is missing", hint="See sie adjust --help")
    from sie_agent.commands.adjusting.run import adjusted, known_drift
    from sie_agent.commands.adjusting.steps import PARTS, Adjusting, begin_again
    from sie_agent.commands.judge_prices import is_paid
    from sie_agent.outputs import Folder, Work, outputs
    from sie_agent.pipeline.loading import load_log, source_of
    from sie_agent.samples import rows_policy, with_grades

    asked = as_judge(judge)
    place = Folder("--out", out, PARTS)
    source = {"data": data, "column_map": column_map, "split": split, "grades": grades, "skip_invalid": skip_invalid}
    reads = {"--data": source_of(data), "--map": column_map, "--grades": grades, "--judgments": list(judgments)}
    reads |= {"--variant": variant, **asked.reads}
    settings = {"--split": split, "--sample": sample, "--set": list(overrides), "--seed": seed, **asked.settings}
    work = Work("adjust", reads, settings, uses={"--endpoints": asked.endpoints, "--state": state})
    with outputs(work, place, overwrite=overwrite, cache_path=cache_path):
        if overwrite:
            begin_again(place.path, link.target)
        drift = known_drift(place.path, service, state, token)
        if drift is not None and not drift.distill_again:
            facts = {"level": drift.level, "events": drift.events, "reasons": list(drift.reasons)}
            return {"state": STEADY, **facts, "serves": str(link.target), "reloaded": None, "exit_code": EXIT_DONE}
        policy = rows_policy(place.path, skip_invalid=skip_invalid, data=data)
        samples = load_log(data, column_map=column_map, split=split, invalid=policy)
        samples = samples if grades is None else with_grades(samples, grades)
        how: dict[str, Any] = {"judgments": judgments, "overrides": overrides, "sample": sample, "seed": seed}
        step = Adjusting(place.path, samples, source, asked, variant, cache_path=cache_path, **how)
        step.begin(drift)
        return adjusted(step, link, paid=is_paid(asked.backend, asked), yes=yes, service=service, token=token)


def lines(result: Mapping[str, Any]) -> Iterator[str]:
    """What moved, what was judged, what was decided, and what is served now."""
    if "level" in result:
        where = ", ".join(result.get("departments") or []) or "the rows as a whole"
        moved = f": {where}" if result["level"] == "distill_again" else ""
        yield f"{result['level']} after {counted(result['events'], 'row')}{moved}"
        yield from (f"  {one}" for one in result["reasons"])
    if "chosen" in result:
        drawn = f"{counted(result['chosen'], 'row')} of {result['rows']:,}, {counted(result['queries'], 'query')}"
        cost = "" if not result.get("cost") else f", {result['cost']:.4f} USD"
        yield f"Drawn: {drawn}; judged: {result['judged']:,}{cost}" if result.get("judged") else f"Drawn: {drawn}"
    if "plan" in result:
        yield from plan_lines(result["plan"])
        yield "Nothing was asked. To go on: the same command with --yes SUM, in USD"
    if result.get("verdict"):
        yield f"Verdict: {result['verdict']}. {result['why']}"
    loaded = f", loaded as {result['reloaded']}" if result.get("reloaded") else ""
    yield f"{result['state'].capitalize()}. Served: {result['serves']}{loaded}"
    if result["state"] == "published":
        yield "To go back: the same --scorer (and --service) with --roll-back"
        if not result.get("reloaded"):
            yield "The service loads it at SIGHUP, or POST /v1/reload"


VERB = Verb(
    adjust,
    lines,
    examples=(
        "sie adjust --scorer served --service http://127.0.0.1:8000 --data last-weeks.parquet \\",
        "    --variant relevance/query-likelihood --out runs/adjusted",
        "sie adjust --scorer served --state runs/adjustment.json --data last-weeks.parquet --backend openai \\",
        "    --endpoints endpoints.yaml --variant relevance/graded --judgments runs/labels --yes 5 --out runs/adjusted",
        "sie adjust --scorer served --service http://127.0.0.1:8000 --roll-back",
    ),
    options={
        "scorer": Option("LINK"),
        "out": OUT_FOLDER,
        "service": Option("URL"),
        "state": Option("FILE.json"),
        "variant": Option("NAME"),
        "revision": Option("TEXT"),
        "sample": Option("N"),
        "yes": Option("SUM"),
        "judgments": Option("JUDGMENTS"),
    },
)
