"""``sie agent``: judge hard cases again, with evidence that is looked up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sie_agent.commands.judges import Judge, as_judge
from sie_agent.commands.verb import OUT_FOLDER, Option, Verb
from sie_agent.errors import InputError
from sie_agent.utils.counts import counted
from sie_agent.utils.values import check_values

FILES = ("judgments.parquet", "traces.parquet", "traces.html", "to-grade.csv", "manifest.json")


def run_agent(
    data: str | Path,
    judgments: str | Path | Sequence[str | Path],
    out: str | Path | None = None,
    *,
    column_map: str | Path | None = None,
    split: str | None = None,
    limit: int | None = None,
    share: float | None = None,
    budget: int | None = None,
    above_entropy: float | None = None,
    judge: Judge | str | None = None,
    stronger: Sequence[str] = (),
    variant: str | Path | None = None,
    tools: str | None = None,
    order: str = "fixed",
    by_meaning: bool = False,
    settle: float | None = None,
    hand_over: float | None = None,
    max_calls_per_pair: int = 8,
    max_tokens_per_pair: int | None = None,
    max_cost_per_pair: float | None = None,
    max_calls: int | None = None,
    max_tokens: int | None = None,
    max_cost: float | None = None,
    dry_run: bool = False,
    log_json: str | Path | None = None,
    cache_path: str | Path | None = None,
    skip_invalid: bool = False,
    strict: bool = False,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Judge the pairs again that a judge was least sure of, with evidence that is looked up in the log.

    Writes judgments.parquet (all judgments: the agent's where it judged, the others as they were), traces.parquet and
    traces.html (every step), to-grade.csv (pairs for people) and manifest.json. Answers are kept in the judgment cache:
    a stopped run goes on. Needs the extra agent. Grades and a pair's own label reach neither judge nor tools.

    Parameters
    ----------
    data, column_map, split, limit : the log that was judged, as `load_samples` takes it.
    judgments : File that ``sie label`` wrote, or its folder; can be repeated. Where several judged a
        pair, it is as hard as they differ.
    out : Folder to write into (not needed for *dry_run*).
    share : Share of the pairs to take, the least sure first; 0.2 where none of these three is given.
    budget : So many pairs instead.
    above_entropy : Pairs of a higher entropy instead, as a share of its largest possible value.
    judge : who judges again, or the name of a backend; the embedded model if not given.
    stronger : A stronger judge for what stays unsure: name=backend[,model][,key=value]; can be repeated.
    variant : Prompt variant that shows evidence; the backend decides if not given.
    tools : What may be looked up, with commas: neighbours, results, departments, spelling, shopper, profile;
        profile alone if not given, all where a model chooses or the judge cannot write.
    order : fixed (what costs nothing first), or model (the judge's model calls tools).
    by_meaning : Put near pairs in order by the sentence encoder.
    settle : Uncertainty, 0 to 1, at which a pair is settled; as low as that of the pairs left if not given.
    hand_over : Uncertainty above which a pair goes to people when all is done; to-grade.csv lists them.
    max_calls_per_pair, max_tokens_per_pair, max_cost_per_pair : Limit for one pair.
    max_calls, max_tokens, max_cost : Limit for the whole run; answers from the cache count.
    dry_run : Say what would be asked, what it costs and how long it takes.
    log_json : File for one JSON line per event; - for standard error.
    cache_path : the judgment cache; the default one when not given.
    skip_invalid, strict : what is done with rows that cannot be used, see `rows_policy`.
    overwrite : replace what other work left in *out*.

    Returns
    -------
    ``judgments``, ``traces``, ``sheet`` (paths; None where nobody has to grade), ``page``, ``pairs``, ``hard``,
    ``agent`` (pairs that have a judgment with evidence), ``settled_at``, ``stopped`` (why, and how many), ``handed``,
    ``failed``, ``calls``, ``tokens_counted``, ``cost_counted`` (with answers from the cache), and what was really asked
    and paid: ``asked``, ``tokens``, ``cost``; ``seconds``, ``model``, ``mode``, ``exit_code`` (3: people have to grade
    some, or some have no judgment).

    Raises
    ------
    InputError : the data, the judgments, a variant, a tool or a limit is wrong.
    EnvironmentFailure : the server or the disk is in the way, or the extra agent is not installed.
    KeyboardInterrupt : stopped by a signal; what had been asked was waited for and kept.

    Examples
    --------
    >>> import sie_agent as sie
    >>> _ = sie.label("sample", "runs/words", variant="relevance/lexical", judge=sie.Judge("lexical"), limit=60)
    >>> result = sie.run_agent("sample", "runs/words", "runs/agent", judge="lexical", share=0.1, limit=60)
    >>> result["pairs"], result["hard"], result["agent"]
    (60, 6, 6)
    """
    given: dict[str, Any] = {
        "share": share,
        "budget": budget,
        "above_entropy": above_entropy,
        "settle": settle,
        "hand_over": hand_over,
    }
    limits: dict[str, Any] = {"max_calls_per_pair": max_calls_per_pair, "max_tokens_per_pair": max_tokens_per_pair}
    limits |= {"max_cost_per_pair": max_cost_per_pair, "max_calls": max_calls, "max_tokens": max_tokens}
    limits |= {"max_cost": max_cost}
    files = [judgments] if isinstance(judgments, str | Path) else list(judgments)
    check_values(data=data, judgments=files, column_map=column_map, split=split, limit=limit, **given, **limits)
    check_values(variant=variant, tools=tools, order=order, stronger=list(stronger))
    asked = as_judge(judge)

    from sie_agent.agent import AgentSettings
    from sie_agent.commands.agent_cases import AgentTask, agent_into, planned_agent, stronger_judges
    from sie_agent.commands.distill import judgment_files
    from sie_agent.outputs import File, Folder, Work, outputs
    from sie_agent.pipeline.judged_log import check_paths
    from sie_agent.pipeline.loading import source_of
    from sie_agent.samples import rows_policy
    from sie_agent.utils.extras import require_extra

    check_paths(judgments)
    if given["share"] is None and budget is None and above_entropy is None:
        given["share"] = 0.2
    named = None if tools is None else tuple(name.strip() for name in tools.split(","))
    how = AgentSettings(**given, **limits, variant=variant, tools=named, order=order, by_meaning=by_meaning)
    others = stronger_judges(stronger, asked)
    source = {"column_map": column_map, "split": split, "limit": limit}
    task = AgentTask(data, source, files, how, asked, others, cache_path)
    require_extra("agent", "langgraph")
    if dry_run:
        return planned_agent(task, rows_policy(None, skip_invalid=skip_invalid, strict=strict))
    if out is None:
        raise InputError("no folder to write into", where="--out", hint="Give --out DIR, or --dry-run.")
    place = Folder("--out", out, FILES)
    events = File("--log-json", None if str(log_json) == "-" else log_json, appended=True)
    reads = {"--data": source_of(data), "--map": column_map, "--judgments": judgment_files(files), **asked.reads}
    reads |= {"--variant": variant, **{f"--stronger {name}": one.model for name, one in others.items()}}
    settings = {"--split": split, "--limit": limit, **asked.settings, "--stronger": list(stronger) or None}
    settings |= {f"--{name.replace('_', '-')}": value for name, value in {**given, **limits}.items()}
    settings |= {"--tools": named and list(named), "--order": order, "--by-meaning": by_meaning}
    grows = ("--limit", "--budget", "--max-calls", "--max-tokens", "--max-calls-per-pair")
    work = Work("agent", reads, settings, uses={"--endpoints": asked.endpoints}, grows=grows)
    with outputs(work, place, events, overwrite=overwrite, cache_path=cache_path):
        policy = rows_policy(place.path, skip_invalid=skip_invalid, strict=strict, data=data)
        return agent_into(place.path, task, policy, log_json)


def lines(result: dict[str, Any]) -> Iterator[str]:
    """The result as it is printed; of a dry run, the plan."""
    from sie_agent.commands.words import cost_line, duration, plan_lines, sheet_words

    if "parts" in result:
        yield f"{counted(result['hard'], 'hard pair')} of {result['pairs']:,}"
        yield f"  a pair counts as settled at an uncertainty of {result['settled_at']:.3f} or less"
        yield f"  at most         {counted(result['most_calls'], 'question')} in all"
        yield from plan_lines(result)
        return
    yield f"{counted(result['hard'], 'hard pair')} of {result['pairs']:,} judged again by {result['model']}"
    yield f"  with evidence   {counted(result['agent'], 'pair')}"
    for reason, count in result["stopped"].items():
        yield f"  {reason[:60]}: {counted(count, 'pair')}"
    tokens = f"{result['tokens']['input']:,} tokens in, {result['tokens']['output']:,} out"
    yield f"  asked           {counted(result['asked'], 'question')} in {duration(result['seconds'])}, {tokens}"
    if result["cached"]:
        yield f"  from the cache  {counted(result['cached'], 'answer')}"
    yield from (f"  cost            {cost}" for cost in cost_line(result))
    if result["failed"]:
        yield f"  without         {counted(result['failed'], 'judgment')}"
    yield f"Judgments: {result['judgments']}"
    yield f"Traces: {result['page'] or result['traces']}"
    if result["sheet"] is not None:
        yield f"{counted(result['handed'], 'pair')} for people to grade: {result['sheet']}"
        yield sheet_words(result["sheet"])


VERB = Verb(
    run_agent,
    lines,
    examples=(
        "sie agent --data sample --judgments runs/labels --share 0.2 --out runs/agent",
        "sie agent --data log.parquet --judgments runs/labels --backend openai --model small \\",
        "    --base-url http://127.0.0.1:8000/v1 --stronger big=openai,my-model,base_url=https://api.openai.com/v1 \\",
        "    --hand-over 0.8 --max-calls 5000 --out runs/agent --dry-run",
        "sie agent ... --order model       the model chooses what to look up",
    ),
    options={
        "out": OUT_FOLDER,
        "share": Option("SHARE"),
        "judgments": Option("FILE"),
        "stronger": Option("JUDGE"),
        "variant": Option("NAME"),
        "tools": Option("A,B,…"),
        "order": Option("ORDER"),
        "above_entropy": Option("X"),
        "settle": Option("X"),
        "hand_over": Option("X"),
        "max_cost_per_pair": Option("USD"),
        "revision": Option("TEXT"),
    },
)
