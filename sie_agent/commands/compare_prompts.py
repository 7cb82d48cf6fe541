"""``sie compare-prompts``: judge the same pairs with several variants and judges, compare them, and say what to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sie_agent.commands.comparing.lines import lines
from sie_agent.commands.judges import Judge, as_judge
from sie_agent.commands.verb import OUT_FOLDER, Option, Verb
from sie_agent.errors import EXIT_DONE, EXIT_PARTIAL, InputError
from sie_agent.utils.values import check_values

if TYPE_CHECKING:
    from sie_agent.commands.comparing.run import ComparisonTask
    from sie_agent.outputs import Work

DECIDE_BY, MARGIN = "within", 0.02


def compare_prompts(
    data: str | Path,
    variants: Sequence[str],
    out: str | Path | None = None,
    *,
    column_map: str | Path | None = None,
    split: str | None = None,
    limit: int | None = None,
    judge: Judge | str | Mapping[str, Judge] | None = None,
    judges: Sequence[str] = (),
    decide_by: str = DECIDE_BY,
    margin: float = MARGIN,
    until: str | None = None,
    batch: int = 20,
    seed: int = 0,
    stability: int | None = None,
    repeats: int = 2,
    grade_next: int | None = None,
    out_sheet: str | Path | None = None,
    whole_queries: bool = False,
    grades: str | Path | None = None,
    retry_failed: bool = False,
    dry_run: bool = False,
    max_cost: float | None = None,
    log_json: str | Path | None = None,
    relevant_at: float = 0.75,
    cache_path: str | Path | None = None,
    skip_invalid: bool = False,
    strict: bool = False,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Judge the same pairs with several prompt variants, and say which to take.

    Every variant is asked of every judge that can answer it. Each is measured against the human grades; all pairs are
    tested by query, and the first line says what to do: take one, keep the first, they are the same, or grade more.
    Writes comparison.html (the page to read), comparison.json, judgments.parquet and manifest.json. What fails
    completely is left out and named in ``failed``; others are compared. What was answered is kept: the same call, made
    again, asks only what is missing.

    Parameters
    ----------
    data, column_map, split, limit : as `load_samples` takes them; without grades it says how far variants agree.
    variants : Prompt variants of relevance, the first is the one in use; one is enough where there are two judges.
    out : Folder to write into (not needed for *dry_run*).
    judge : who is asked, or the name of a backend; the embedded model if not given. Or several, by name.
    judges : A judge by a name of yours, in place of --backend; repeat it. What it does not say is as in the options.
    decide_by : The metric that decides: within, ndcg@10, auc, spearman, kappa, alpha or exact.
    margin : A difference in it that does not matter.
    until : "decided": judge query by query in batches, and stop as soon as it is decided.
    batch : Queries in a batch, for *until*.
    seed : of the order of queries for *until*, and of the draw for *grade_next*.
    stability : Ask so many pairs again, unchanged and changed in ways that should not matter.
    repeats : How often they are asked again unchanged.
    grade_next : Choose so many pairs that a person should grade next; writes them to *out_sheet*.
    out_sheet : Sheet of pairs to be graded, .csv or .xlsx.
    whole_queries : Choose queries with all their pairs, for *grade_next*.
    grades : Such a sheet, filled in: its grades stand in where the data have none.
    retry_failed : ask again where the cache holds a lasting failure.
    dry_run : Say what would be asked, what it costs and how long it takes, over all variants and judges.
    max_cost : stop before the answers of this run cost more, in USD; the rest has the status ``not-asked``.
    log_json : File for one JSON line per event; - for standard error.
    relevant_at : grade from which on a pair counts as relevant.
    cache_path : the judgment cache; the default one when not given.
    skip_invalid, strict : what is done with rows that cannot be used, see `rows_policy`.
    overwrite : replace what other work left in *out*.

    Returns
    -------
    What ``comparison.json`` holds: ``decision``, ``variants`` (of each arm its figures, with 95 % intervals by query),
    ``controls``, ``differences`` (to the first arm), ``agreement``, ``differing``, ``stability``, ``failed``; what was
    asked and paid; ``failed_for_good``, ``n_without_grade``, and ``exit_code`` (3: an arm failed, or some pairs have no
    judgment).

    Raises
    ------
    InputError : fewer than two arms, a variant twice, of another aspect or one that the backend cannot answer, options
        that do not go together. Nothing was asked then.
    EnvironmentFailure : no variant could be judged; nothing is written then.

    Examples
    --------
    >>> import pathlib
    >>> import sie_agent as sie
    >>> text = pathlib.Path("prompt.yaml")
    >>> _ = text.write_text(
    ...     "name: short\\nabout: the beginning of the title\\naspect: relevance\\nmethod: lexical\\n"
    ...     "user: '{{ title }}'\\nmax_title_chars: 20\\n"
    ... )
    >>> variants = ["relevance/lexical", "prompt.yaml"]
    >>> result = sie.compare_prompts("sample", variants, "runs/prompts", limit=200, judge=sie.Judge("lexical"))
    >>> [one["variant"] for one in result["variants"]]
    ['relevance/lexical', 'prompt.yaml']
    >>> result["decision"]["verdict"]
    'grade-more'
    """
    from sie_agent.commands.comparing.arms import arms_of, check_arms
    from sie_agent.commands.judge_specs import parse_judges

    check_values(data=data, column_map=column_map, split=split, limit=limit, variants=list(variants))
    check_values(max_cost=max_cost, relevant_at=relevant_at, margin=margin, batch=batch, seed=seed, grades=grades)
    check_values(stability=stability, repeats=repeats, grade_next=grade_next)
    check_together(decide_by, until, grade_next, out_sheet, whole_queries)
    given = dict(judge) if isinstance(judge, Mapping) else {}
    default = Judge() if isinstance(judge, Mapping) else as_judge(judge)
    named = {**given, **parse_judges(judges, default)} or {default.backend: default}
    arms = arms_of(variants, named)

    from sie_agent.commands.comparing.run import ComparisonTask, compare_into, planned_task
    from sie_agent.outputs import File, Folder, outputs
    from sie_agent.pipeline.loading import source_of
    from sie_agent.samples import rows_policy

    source = {"column_map": column_map, "split": split, "limit": limit}
    asking: dict[str, Any] = {"cache_path": cache_path, "retry_failed": retry_failed, "max_cost": max_cost}
    rule: dict[str, Any] = {"relevant_at": relevant_at, "decide_by": decide_by, "margin": margin}
    order: dict[str, Any] = {"until_decided": until is not None, "batch": batch, "seed": seed}
    again: dict[str, Any] = {"stability": stability, "repeats": repeats}
    sheets: dict[str, Any] = {"grade_next": grade_next, "out_sheet": out_sheet, "grades": grades}
    more = {**asking, **rule, **order, **again, **sheets, "whole_queries": whole_queries}
    task = ComparisonTask(data=data, source=source, arms=arms, judges=named, **more)
    if dry_run:
        return planned_task(task, rows_policy(None, skip_invalid=skip_invalid, strict=strict))
    if out is None:
        raise InputError("no folder to write into", where="--out", hint="Give --out DIR, or --dry-run.")
    place = Folder("--out", out, ("comparison.json", "comparison.html", "judgments.parquet", "manifest.json"))
    events = File("--log-json", None if str(log_json) == "-" else log_json, appended=True)
    sheet = File("--out-sheet", out_sheet)
    work = work_of(task, source_of(data), variants, until, default if not (judges or given) else None)
    with outputs(work, place, events, sheet, overwrite=overwrite, cache_path=cache_path):
        check_arms(arms, max_cost)
        policy = rows_policy(place.path, skip_invalid=skip_invalid, strict=strict, data=data)
        result = compare_into(place.path, task, policy, log_json)
        partial = bool(result["n_without_grade"] or result["failed"])
        return {**result, "exit_code": EXIT_PARTIAL if partial else EXIT_DONE}


def work_of(task: ComparisonTask, source: Any, variants: Sequence[str], until: str | None, only: Judge | None) -> Work:
    """What the outputs are the work of; *only* where there is one judge without a name.

    What has its default is not noted: a folder that an earlier version wrote is of the same work.
    """
    from sie_agent.outputs import Work

    given = dict(task.source)
    reads = {"--data": source, "--map": given["column_map"], "--variants": list(variants), "--grades": task.grades}
    settings = {"--split": given["split"], "--limit": given["limit"], "relevant at": task.relevant_at}
    settings |= {"--until": until, "--stability": task.stability}
    settings |= {"--decide-by": None if task.decide_by == DECIDE_BY else task.decide_by}
    settings |= {"--margin": None if task.margin == MARGIN else task.margin}
    if only is not None:
        reads, settings, uses = {**reads, **only.reads}, {**settings, **only.settings}, {"--endpoints": only.endpoints}
    else:
        reads |= {f"--judge {name}": one.model for name, one in task.judges.items()}
        settings |= {f"--judge {name}": one.settings for name, one in task.judges.items()}
        uses = {f"--judge {name}": one.endpoints for name, one in task.judges.items()}
    return Work("compare-prompts", reads, settings, uses=uses, grows=("--limit",))


def check_together(
    decide_by: str, until: str | None, grade_next: int | None, out_sheet: str | Path | None, whole_queries: bool
) -> None:
    """Options that need or exclude each other.

    Raises
    ------
    InputError : they do not go together.
    """
    from sie_agent.comparison.metrics import METRICS

    names = [name for name, metric in METRICS.items() if metric.decides]
    if decide_by not in names:
        raise InputError(f"expected one of {', '.join(names)}, found '{decide_by}'", where="--decide-by")
    if until not in (None, "decided"):
        raise InputError(f"expected decided, found '{until}'", where="--until")
    if until and not METRICS[decide_by].by_query:
        names = [name for name, metric in METRICS.items() if metric.by_query]
        problem = f"a test that may be looked at after each batch needs a metric of each query, not {decide_by}"
        raise InputError(problem, where="--until", hint=f"Decide by {' or '.join(names)}.")
    if (grade_next is None) != (out_sheet is None):
        hint = "For example --grade-next 50 --out-sheet sheet.csv."
        raise InputError("--grade-next and --out-sheet go together", where="--grade-next", hint=hint)
    if whole_queries and grade_next is None:
        raise InputError("it says how --grade-next chooses, which is not given", where="--whole-queries")


VERB = Verb(
    compare_prompts,
    lines,
    examples=(
        "sie compare-prompts --data sample --variants relevance/query-likelihood \\",
        "    relevance/query-likelihood-terse relevance/query-likelihood-plain --out runs/prompts",
        "sie compare-prompts --data graded.parquet --variants relevance/graded relevance/esci --backend openai \\",
        "    --endpoints endpoints.yaml --max-cost 5 --out runs/prompts --dry-run",
        "sie compare-prompts --data graded.parquet --variants relevance/graded relevance/lexical --out runs/judges \\",
        "    --judge big=openai,my-model,base_url=http://127.0.0.1:8000/v1 --judge words=lexical --until decided",
    ),
    options={
        "variants": Option("A B …"),
        "out": OUT_FOLDER,
        "revision": Option("TEXT"),
        "judges": Option("NAME=BACKEND[,MODEL][,KEY=VALUE …]", flag="--judge"),
        "decide_by": Option("METRIC"),
        "until": Option("decided"),
        "margin": Option("D"),
        "seed": Option(help="Seed of the order of queries, and of the draw of pairs to grade."),
    },
    python_only=("cache_path", "options", "relevant_at"),
)
