"""``sie improve-prompt``: propose a better prompt, and accept it only where it is certainly better."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sie_agent.commands.improve_lines import lines
from sie_agent.commands.judges import Judge, as_judge
from sie_agent.commands.verb import OUT_FOLDER, Option, Verb
from sie_agent.errors import InputError
from sie_agent.utils.values import check_values

FILES = ("best.yaml", "diff.txt", "improvement.json", "manifest.json", "trials.jsonl")


def improve_prompt(
    data: str | Path,
    out: str | Path | None = None,
    *,
    variant: str | Path,
    column_map: str | Path | None = None,
    split: str | None = None,
    limit: int | None = None,
    judge: Judge | str | None = None,
    reflect_with: str | None = None,
    trials: int = 20,
    budget_pairs: int | None = None,
    per_query: int = 10,
    margin: float = 0.02,
    seed: int = 0,
    retry_failed: bool = False,
    dry_run: bool = False,
    max_cost: float | None = None,
    log_json: str | Path | None = None,
    cache_path: str | Path | None = None,
    skip_invalid: bool = False,
    strict: bool = False,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Search for a better wording, better examples and a better order of them, from human grades.

    Candidates are proposed on training queries, by a model that reads the mistakes or by chance. At most three go
    before the tuning queries, all in one test; one is accepted only where it is certainly better there. Test queries
    are looked at once, in the end. Writes improvement.json, trials.jsonl, manifest.json and, where a candidate was
    accepted, best.yaml and diff.txt. A run that was stopped goes on where the same call is made again.

    Parameters
    ----------
    data, column_map, split, limit : as `load_samples` takes them, with human grades.
    out : Folder to write into (not needed for *dry_run*).
    variant : Prompt variant of relevance to start from: relevance/name, or a YAML file.
    judge : who is asked, or the name of a backend; the embedded model if not given.
    reflect_with : The model that proposes: name=openai,model,base_url=URL (needs the extra improve); none: candidates
        are drawn.
    trials : Most candidates.
    budget_pairs : Most pairs that are judged, for all candidates together, those in the cache counted too.
    per_query : Most pairs of each query.
    margin : A difference in accuracy within queries that does not matter.
    seed : of the split by query and of the search.
    retry_failed : ask again where the cache holds a lasting failure.
    dry_run : Say what would be asked at most, what it costs and how long it takes.
    max_cost : stop before the answers of this run cost more, in USD; reflections count too.
    log_json : File for one JSON line per event; - for standard error.
    cache_path : the judgment cache; the default one when not given.
    skip_invalid, strict : what is done with rows that cannot be used, see `rows_policy`.
    overwrite : replace what other work left in *out*.

    Returns
    -------
    What ``improvement.json`` holds: ``sentence`` (what to do), ``accepted``, ``mode``, ``decision``, ``trials``,
    ``test`` (figures on test queries with intervals); what was asked and paid; ``best`` (the file, or None) and
    ``exit_code`` (3: some pairs have no judgment, or the limit on cost was met). Of a dry run ``sets``, ``plan``,
    ``tokens``, ``reflections``, ``cost``, ``seconds``.

    Raises
    ------
    InputError : the variant is not one that can be changed, there are too few queries with grades that differ, or
        settings are wrong. Nothing was asked then.
    EnvironmentFailure : a model does not answer, or the disk is in the way.

    Examples
    --------
    >>> import sie_agent as sie
    >>> plan = sie.improve_prompt("sample", variant="relevance/query-likelihood-plain", trials=4, dry_run=True)
    >>> sorted(plan["sets"])
    ['pool', 'test', 'train', 'tune']
    """
    from sie_agent.commands.improving import ImprovementSource, improve_into, planned_improvement
    from sie_agent.files.places import expanded
    from sie_agent.improvement.candidates import METHODS
    from sie_agent.judging import load_variant
    from sie_agent.outputs import File, Folder, Work, outputs
    from sie_agent.pipeline.loading import source_of
    from sie_agent.samples import rows_policy
    from sie_agent.utils.extras import require_extra

    check_values(data=data, column_map=column_map, split=split, limit=limit, variant=variant, max_cost=max_cost)
    check_values(
        reflect_with=reflect_with,
        trials=trials,
        budget_pairs=budget_pairs,
        per_query=per_query,
        margin=margin,
        seed=seed,
    )
    asked, proposes, loaded = as_judge(judge), reflecting(reflect_with, as_judge(judge)), load_variant(variant)
    if loaded.aspect != "relevance" or loaded.method not in METHODS or loaded.profile:
        problem = f"'{variant}' judges {loaded.aspect} by {'a profile' if loaded.profile else loaded.method}"
        hint = f"Choose a variant of relevance with one question, of method {', '.join(METHODS)}."
        raise InputError(problem, where="--variant", hint=hint)
    if out is None and not dry_run:
        raise InputError("no folder to write into", where="--out", hint="Give --out DIR, or --dry-run.")
    if proposes is not None:
        require_extra("improve", "gepa")
    how = {"column_map": column_map, "split": split, "limit": limit}
    source = ImprovementSource(
        data, how, loaded, asked, proposes, trials, budget_pairs, per_query, margin, seed, cache_path, retry_failed,
        max_cost,
    )  # fmt: skip
    if dry_run:
        return planned_improvement(source, rows_policy(None, skip_invalid=skip_invalid, strict=strict))
    place = Folder("--out", out, FILES)
    events = File("--log-json", None if str(log_json) == "-" else log_json, appended=True)
    reads = {"--data": source_of(data), "--map": column_map, "--variant": variant, **asked.reads}
    settings: dict[str, Any] = {"--split": split, "--limit": limit, "--trials": trials, "--budget-pairs": budget_pairs}
    settings |= {"--per-query": per_query, "--margin": margin, "--seed": seed, **asked.settings}
    if proposes is not None:
        settings["--reflect-with"] = {**proposes.reads, **proposes.settings}
    uses = {"--endpoints": asked.endpoints}
    work = Work("improve-prompt", reads, settings, uses=uses)
    with outputs(work, place, events, overwrite=overwrite, cache_path=cache_path):
        policy = rows_policy(place.path, skip_invalid=skip_invalid, strict=strict, data=data)
        return improve_into(expanded(out, "--out"), source, policy, log_json, work)


def reflecting(given: str | None, default: Judge) -> Judge | None:
    """The model that reflects; None where candidates are drawn.

    Raises
    ------
    InputError : it is no chat server.
    """
    from sie_agent.commands.judge_specs import parse_judge

    if given is None or given == "none":
        return None
    try:
        found = parse_judge(given, default)[1]
    except InputError as error:
        hint = "For example big=openai,my-model,base_url=http://127.0.0.1:8000/v1, or none."
        raise InputError(error.problem, where="--reflect-with", hint=hint) from None
    if found.backend != "openai":
        hint = "Give one of the backend openai: name=openai,model,base_url=URL."
        raise InputError(f"'{found.backend}' is no chat server", where="--reflect-with", hint=hint)
    return found


VERB = Verb(
    improve_prompt,
    lines,
    examples=(
        "sie improve-prompt --data graded.parquet --variant relevance/plain --backend openai \\",
        "    --base-url http://127.0.0.1:8000/v1 --reflect-with big=openai,my-model --out runs/better --dry-run",
        "sie improve-prompt --data sample --variant relevance/query-likelihood-plain --trials 8 \\",
        "    --budget-pairs 600 --out runs/better",
    ),
    options={
        "variant": Option("NAME"),
        "out": OUT_FOLDER,
        "revision": Option("TEXT"),
        "reflect_with": Option("NAME=BACKEND,MODEL …"),
        "margin": Option("D"),
        "seed": Option(help="Seed of the split by query and of the search."),
    },
)
