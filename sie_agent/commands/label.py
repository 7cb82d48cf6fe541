"""``sie label``: put a log before a judge."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sie_agent.commands.judges import Judge, as_judge
from sie_agent.commands.label_lines import lines
from sie_agent.commands.verb import OUT_FOLDER, Option, Verb
from sie_agent.errors import InputError
from sie_agent.utils.values import check_values

if TYPE_CHECKING:
    from sie_agent.commands.label_budget import Budget
    from sie_agent.commands.panel_labelling import Member


def label(
    data: str | Path,
    out: str | Path | None = None,
    *,
    variant: str | Path | Sequence[str | Path] = (),
    column_map: str | Path | None = None,
    split: str | None = None,
    limit: int | None = None,
    judge: Judge | str | None = None,
    judges: Sequence[str] = (),
    panel: str | None = None,
    retry_failed: bool = False,
    dry_run: bool = False,
    max_cost: float | None = None,
    calibration: str | Path | None = None,
    allow_other_judge: bool = False,
    catalogue: str | Path | None = None,
    cascade: str | Path | None = None,
    budget: int | None = None,
    strategy: str | None = None,
    seed: int = 0,
    log_json: str | Path | None = None,
    cache_path: str | Path | None = None,
    skip_invalid: bool = False,
    strict: bool = False,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Put every pair of a log before a judge; writes judgments.parquet and manifest.json.

    Answers are kept in the judgment cache as they come: a stopped run goes on, nothing is asked twice. The log is read
    in chunks: memory does not grow with it. Grades and labels never reach the judge.

    Parameters
    ----------
    data, column_map, split, limit : as `stream_samples` takes them.
    out : Folder to write into (not needed for *dry_run*).
    variant : Prompt variant: aspect/name, or a YAML file. Repeat it to add clarity/NAME, asked once per query,
        profile/NAME, asked once per item, or preference/NAME, asked of the shopper's history and the item.
    judge : who is asked, or the name of a backend; the embedded model if not given.
    judges : A panel instead: name=backend[,model][,variant=NAME][,key=value], repeated; or backends with commas.
    panel : How the panel's members become one: mean-rank (if not given), weighted (by grades of tuning queries) or
        dawid-skene.
    retry_failed : ask again where the cache holds a lasting failure.
    dry_run : Say what would be asked, what it costs and how long it takes.
    max_cost : stop before the answers of this run cost more, in USD; the rest has the status ``not-asked``.
    calibration : File that `sie calibrate` wrote: scores become probabilities, the model's own are in ``raw_score``.
    allow_other_judge : Take the calibration of another variant or model.
    catalogue : Table with item_id and title, for the items of histories that preference/NAME shows; without it they
        are those of the map's file of items, or of the log itself.
    cascade : File that `sie calibrate-cascade` wrote: each level is asked about what those before did not settle, and
        ``settled_by`` says who did. What is left for people goes into sheet.csv.
    budget : Judge only so many pairs of the log, chosen by *strategy*.
    strategy : random, uncertain, diverse, disagreement or influence; random if not given: none was shown to be better.
    seed : Seed of the choice of pairs: the same seed chooses the same ones, a larger budget some more.
    log_json : File for one JSON line per event; - for standard error.
    cache_path : the judgment cache; the default one when not given.
    skip_invalid, strict : what is done with rows that cannot be used, see `rows_policy`.
    overwrite : replace what other work left in *out*.

    Returns
    -------
    ``judgments`` (path), ``rows`` that were judged, ``impressions`` behind them, ``pairs`` and ``queries`` of the log,
    ``rows_read`` of the source, which are ``rows_used`` and ``rows_skipped`` (None where impressions were put together
    and *strict* was given: not counted then),
    ``aspects`` that were judged, ``ok``, ``failed``,
    ``failed_by_cause``, ``reasons`` (each: status, count, and what was said most often), ``cached``, ``asked``,
    ``seconds``, ``per_second``, ``tokens``, ``cost``, ``failed_for_good`` (how many would fail the same way if they
    were asked again), ``tries_failed`` (made good later or not, as ``reasons``), ``stopped``, ``max_cost``,
    ``next_may_cost`` (USD, of the answer for which no money was left), ``model`` (the one that gave most
    judgments), ``asked_model``, ``mode``, ``models``, ``endpoints``, ``mixture``, ``variants``, ``exit_code`` (3: some
    have no judgment), with a *budget* ``budget``: ``strategy``, ``seed``, ``rounds`` (pairs of each), ``pairs_in_log``,
    and with a *cascade* ``cascade`` (what each level was asked, settled and cost, and what is guaranteed), ``sheet``
    and ``traces`` (paths, None where there are none).

    Raises
    ------
    InputError : the data, the map, a variant or the backend's settings are wrong.
    EnvironmentFailure : the server or the disk is in the way.
    KeyboardInterrupt : stopped by a signal; what had been asked was waited for and kept.

    Examples
    --------
    >>> import sie_agent as sie
    >>> result = sie.label("sample", "runs/words", variant="relevance/lexical", judge=sie.Judge("lexical"), limit=50)
    >>> result["pairs"], result["ok"], result["judgments"]
    (50, 50, 'runs/words/judgments.parquet')
    """
    check_values(cascade=cascade)
    if cascade is not None:
        from sie_agent.commands.label_cascade import by_cascade, refuse_beside_cascade

        refuse_beside_cascade(
            variant=variant,
            judge=judge,
            judges=judges,
            panel=panel,
            calibration=calibration,
            budget=budget,
            strategy=strategy,
            allow_other_judge=allow_other_judge,
        )
    if dry_run:
        rows: dict[str, Any] = {"column_map": column_map, "split": split, "limit": limit, "strict": strict}
        how: dict[str, Any] = {"judge": judge, "judges": judges, "retry_failed": retry_failed, "max_cost": max_cost}
        how |= {"catalogue": catalogue, "budget": budget, "strategy": strategy, "seed": seed, "cascade": cascade}
        return plan(data, variant=variant, cache_path=cache_path, skip_invalid=skip_invalid, **rows, **how)
    if out is None:
        raise InputError("no folder to write into", where="--out", hint="Give --out DIR, or --dry-run.")

    from sie_agent.calibration import table_calibration
    from sie_agent.commands.label_budget import budget_of
    from sie_agent.commands.labelling import JudgingTask, label_into, load_variants
    from sie_agent.commands.log_rows import LogRows
    from sie_agent.outputs import File, Folder, Work, outputs
    from sie_agent.pipeline.loading import source_of
    from sie_agent.samples import rows_policy

    if cascade is not None:
        given: dict[str, Any] = {"column_map": column_map, "split": split, "limit": limit, "strict": strict}
        given |= {"skip_invalid": skip_invalid, "overwrite": overwrite, "max_cost": max_cost}
        labelled: dict[str, Any] = by_cascade(data, out, cascade, retry_failed, cache_path, log_json, **given)
        return labelled
    names, asked, spent = names_of(variant, judges), as_judge(judge), budget_of(budget, strategy, seed)
    check_values(data=data, column_map=column_map, split=split, limit=limit, variant=names, max_cost=max_cost)
    check_values(calibration=calibration, panel=panel, catalogue=catalogue)
    curve = table_calibration(calibration, any_judge=allow_other_judge)
    members, kind = panel_of(judges, names, asked, panel, spent), panel or "mean-rank"
    files = ("judgments.parquet", "manifest.json", *(("members/",) if members else ()))
    place = Folder("--out", out, files)
    events = File("--log-json", None if str(log_json) == "-" else log_json, appended=True)
    reads = {"--data": source_of(data), "--map": column_map, "--variant": names, **asked.reads}
    reads |= {"--calibration": calibration, "--catalogue": catalogue}
    reads |= {**{f"--judges {one.name}": one.judge.model for one in members}}
    settings = {"--split": split, "--limit": limit, **asked.settings}
    settings |= {"--judges": list(judges), "--panel": kind} if members else {}
    if spent is not None:
        settings |= {"--budget": spent.pairs, "--strategy": spent.strategy, "--seed": spent.seed}
    work = Work("label", reads, settings, uses={"--endpoints": asked.endpoints}, grows=("--limit", "--budget"))
    with outputs(work, place, events, overwrite=overwrite, cache_path=cache_path):
        policy = rows_policy(place.path, skip_invalid=skip_invalid, strict=strict, data=data)
        log = LogRows(data, column_map, split, limit, policy, allow_missing_labels=False)
        task = JudgingTask(load_variants(names), asked, cache_path, retry_failed, max_cost, curve, spent, catalogue)
        if members:
            from sie_agent.commands.panel_labelling import label_panel

            return label_panel(place.path, log, members, kind, task, log_json)
        return label_into(place.path, log, task, log_json)


def plan(
    data: str | Path,
    *,
    variant: str | Path | Sequence[str | Path] = (),
    column_map: str | Path | None = None,
    split: str | None = None,
    limit: int | None = None,
    judge: Judge | str | None = None,
    judges: Sequence[str] = (),
    retry_failed: bool = False,
    max_cost: float | None = None,
    catalogue: str | Path | None = None,
    budget: int | None = None,
    strategy: str | None = None,
    seed: int = 0,
    cascade: str | Path | None = None,
    cache_path: str | Path | None = None,
    skip_invalid: bool = False,
    strict: bool = False,
) -> dict[str, Any]:
    """What :func:`label` would ask, cost and take; asks no judge and writes nothing.

    Parameters
    ----------
    data, variant, column_map, split, limit, judge, judges, retry_failed, cache_path, skip_invalid, strict : as
        :func:`label` takes them.
    max_cost : checked as :func:`label` does. catalogue : as :func:`label` takes it.
    budget, strategy, seed : as :func:`label` takes them. Pairs that answers yet to come will choose are not known:
        as many random ones stand in for them.
    cascade : as :func:`label` takes it: what each level is expected to be asked, by the shares of its calibration.

    Returns
    -------
    ``parts`` (per variant, as `estimate` gives them), and their sums ``to_ask``, ``cached``, ``tokens``, ``cost``,
    ``seconds`` (None where a part is not known). Of a cascade ``levels``, as `planned_cascade` gives them, and sums.

    Raises
    ------
    InputError : as :func:`label`.
    EnvironmentFailure : the cache is in the way, or the package of a model that is to be asked is not installed.

    Examples
    --------
    >>> import sie_agent as sie
    >>> planned = sie.plan("sample", variant="relevance/lexical", judge=sie.Judge("lexical"), limit=20)
    >>> planned["to_ask"] + planned["cached"]
    20
    """
    from sie_agent.commands.label_budget import budget_of
    from sie_agent.commands.labelling import JudgingTask, load_variants, planned
    from sie_agent.commands.log_rows import LogRows
    from sie_agent.samples import rows_policy

    if cascade is not None:
        from sie_agent.commands.cascade_labelling import load_task
        from sie_agent.commands.cascade_planning import planned_cascade

        check_values(data=data, column_map=column_map, split=split, limit=limit, max_cost=max_cost, cascade=cascade)
        policy = rows_policy(None, skip_invalid=skip_invalid, strict=strict)
        whole = LogRows(data, column_map, split, limit, policy, allow_missing_labels=False)
        return planned_cascade(whole, load_task(cascade, cache_path, retry_failed, max_cost))
    names, asked, spent = names_of(variant, judges), as_judge(judge), budget_of(budget, strategy, seed)
    check_values(data=data, column_map=column_map, split=split, limit=limit, variant=names, max_cost=max_cost)
    check_values(catalogue=catalogue)
    policy = rows_policy(None, skip_invalid=skip_invalid, strict=strict)
    log = LogRows(data, column_map, split, limit, policy, allow_missing_labels=False)
    members = panel_of(judges, names, asked, budget=spent)
    task = JudgingTask(
        load_variants(names), asked, cache_path, retry_failed, max_cost, budget=spent, catalogue=catalogue
    )
    if members:
        from sie_agent.commands.panel_labelling import planned_panel

        return planned_panel(log, members, task)
    return planned(log, task)


def names_of(variant: str | Path | Sequence[str | Path], judges: Sequence[str]) -> list[str | Path]:
    """The variants that are asked for; the members of a panel may name theirs.

    Raises
    ------
    InputError : there is none.
    """
    names = [variant] if isinstance(variant, str | Path) else list(variant)
    if not names and not judges:
        raise InputError("no prompt variant to ask", where="--variant", hint="Give one; see sie label --help.")
    return names


def panel_of(
    judges: Sequence[str],
    names: Sequence[str | Path],
    default: Judge,
    panel: str | None = None,
    budget: Budget | None = None,
) -> list[Member]:
    """The members of a panel; none where one judge is asked.

    Raises
    ------
    InputError : they are wrong, or their variants or the kind of panel are; a budget, whose pairs each member's answers
        would choose for itself.
    """
    if not judges:
        if panel is not None:
            raise InputError("a kind of panel is of no use without judges", where="--panel", hint="Give --judges.")
        return []
    if budget is not None:
        problem = "a panel judges the whole log: with a budget its members would judge different pairs"
        raise InputError(problem, where="--budget", hint="Leave out --budget, or take --limit.")
    from sie_agent.commands.panel_labelling import members_of, variant_asked
    from sie_agent.panels import panel_kind

    if panel is not None:
        panel_kind(panel)

    return members_of(judges, variant_asked(names), default)


SEED = Option(help="Seed of the choice of pairs: the same seed chooses the same ones, a larger budget some more.")
VERB = Verb(
    label,
    lines,
    examples=(
        "sie label --data sample --variant relevance/query-likelihood --out runs/labels",
        "sie label --data log.parquet --variant relevance/graded --backend openai \\",
        "    --base-url http://127.0.0.1:8000/v1 --out runs/labels --dry-run",
        "sie label --data log.parquet --variant relevance/graded --backend openai \\",
        "    --endpoints endpoints.yaml --max-cost 20 --log-json runs/labels.jsonl --out runs/labels",
        "sie label --data log.parquet --judges words=lexical --judges meaning=embedding --panel mean-rank \\",
        "    --out runs/panel",
        "sie label --data log.parquet --cascade runs/cascade/cascade.json --max-cost 20 --out runs/labels",
        "sie label ... --budget 1000       judge 1,000 pairs of the log, chosen at random",
        "sie label ... --retry-failed      ask again what has no judgment, and nothing else",
    ),
    options={
        **{
            "catalogue": Option("FILE"),
            "out": OUT_FOLDER,
            "variant": Option("NAME"),
            "judges": Option("JUDGE"),
            "revision": Option("TEXT"),
        },
        "seed": SEED,
    },
)
