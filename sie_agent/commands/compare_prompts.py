"""``sie compare-prompts``: judge the same pairs with several variants and compare them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from sie_agent.commands.judges import Judge, as_judge, open_judge
from sie_agent.commands.label import plan
from sie_agent.commands.verb import OUT_FOLDER, Option, Verb
from sie_agent.commands.words import asked_again, causes, columns, cost_line, number, plan_lines, tries_line
from sie_agent.errors import EXIT_DONE, EXIT_PARTIAL, InputError
from sie_agent.utils.counts import counted
from sie_agent.utils.values import check_values


def compare_prompts(
    data: str | Path,
    variants: Sequence[str],
    out: str | Path,
    *,
    column_map: str | Path | None = None,
    limit: int | None = None,
    judge: Judge | str | None = None,
    retry_failed: bool = False,
    dry_run: bool = False,
    max_cost: float | None = None,
    relevant_at: float = 0.75,
    cache_path: str | Path | None = None,
    skip_invalid: bool = False,
    strict: bool = False,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Judge the same pairs with several prompt variants and compare them by the human grades.

    AUC and Spearman of each, and the paired difference to the first with an interval by query; writes comparison.json,
    judgments.parquet and manifest.json. A variant that fails completely is left out and named in ``failed``; others are
    compared. What was answered is kept: the same call, made again, asks only what is missing.

    Parameters
    ----------
    data, column_map, limit : as `load_samples` takes them; the data need grades.
    variants : Two or more prompt variants of relevance, the first is the base.
    out : Folder to write into.
    judge : who is asked, or the name of a backend; the embedded model if not given.
    retry_failed : ask again where the cache holds a lasting failure.
    dry_run : Say what would be asked, what it costs and how long it takes.
    max_cost : stop before the answers of this run cost more, in USD; the rest has the status ``not-asked``.
    relevant_at : grade from which on a pair counts as relevant.
    cache_path : the judgment cache; the default one when not given.
    skip_invalid, strict : what is done with rows that cannot be used, see `rows_policy`.
    overwrite : replace what other work left in *out*.

    Returns
    -------
    What ``comparison.json`` holds: ``variants`` (``variant, auc, spearman`` and more of each), ``differences`` (to the
    first variant, with 95 % intervals that resample queries), ``failed``; what was asked and paid; ``failed_for_good``,
    ``n_without_grade``, and ``exit_code`` (3: a variant failed, or some pairs have no judgment).

    Raises
    ------
    InputError : fewer than two variants, a variant twice, of another aspect or one that the backend cannot answer, no
        grades. Nothing was asked then.
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
    """
    if dry_run:
        rows: dict[str, Any] = {"column_map": column_map, "limit": limit, "strict": strict}
        how: dict[str, Any] = {"judge": judge, "retry_failed": retry_failed, "max_cost": max_cost}
        return plan(data, variant=variants, cache_path=cache_path, skip_invalid=skip_invalid, **rows, **how)

    import pandas as pd

    from sie_agent.commands.comparing import judge_each, not_comparable
    from sie_agent.evaluation import comparable_judgments, compare_judgments
    from sie_agent.files.manifest import Manifest, command_line
    from sie_agent.files.typed_json import write_document
    from sie_agent.judging import JudgmentCache, Session, check_method, is_lasting, load_variant
    from sie_agent.outputs import Folder, Work, outputs
    from sie_agent.pipeline.loading import source_of
    from sie_agent.results import Comparison
    from sie_agent.samples import load_samples, rows_policy
    from sie_agent.samples.tables import write_table
    from sie_agent.suite.failed import as_rows, nobody_left, reasons_of

    check_values(data=data, column_map=column_map, limit=limit, variants=list(variants), max_cost=max_cost)
    check_values(relevant_at=relevant_at)
    if len(variants) < 2 or len(set(variants)) != len(variants):
        hint = "For example --variants relevance/A relevance/B."
        raise InputError("give two or more different variants", where="--variants", hint=hint)
    loaded = [load_variant(name) for name in variants]
    for name, variant in zip(variants, loaded, strict=True):
        if variant.aspect != "relevance":
            problem = f"'{name}' judges {variant.aspect}, not relevance"
            raise InputError(problem, where="--variants", hint="Choose relevance variants.")
    asked = as_judge(judge)
    place = Folder("--out", out, ("comparison.json", "judgments.parquet", "manifest.json"))
    reads = {"--data": source_of(data), "--map": column_map, "--variants": list(variants), **asked.reads}
    settings = {"--limit": limit, "relevant at": relevant_at, **asked.settings}
    work = Work("compare-prompts", reads, settings, uses={"--endpoints": asked.endpoints}, grows=("--limit",))
    with outputs(work, place, overwrite=overwrite, cache_path=cache_path):
        with closing(open_judge(asked)[0]) as backend:
            for variant in loaded:
                check_method(backend, variant)
        policy = rows_policy(place.path, skip_invalid=skip_invalid, strict=strict, data=data)
        samples = load_samples(data, column_map=column_map, limit=limit, invalid=policy)
        if samples["grade"].isna().all():
            problem, hint = "the samples have no grades to compare with", "Map the human grade in the column map."
            raise InputError(problem, where=f"{data}, field 'grade'", hint=hint)
        manifest = Manifest(command_line())
        with closing(open_judge(asked)[0]) as backend, JudgmentCache(cache_path) as cache:
            session = Session(backend, cache, max_cost=max_cost)
            named = dict(zip(variants, loaded, strict=True))
            tables, failures = judge_each(samples, named, asked, cache, session, manifest, retry_failed)
        kept, apart = comparable_judgments(samples, tables)
        failures += [not_comparable(tables[name], name, kept) for name in apart]
        if not kept:
            raise nobody_left("no variant gave a judgment that can be compared", failures)
        with manifest.stage("comparison"):
            result: dict[str, Any] = compare_judgments(samples, kept, relevant_at=relevant_at)
        for row in result["variants"]:
            row["reasons"] = reasons_of(kept[row["variant"]]).as_list()
        result["failed"] = as_rows(sorted(failures, key=lambda one: variants.index(one.name)), "variant")
        joined = pd.concat(tables.values(), ignore_index=True)
        failed = int(joined["score"].isna().sum()) + len(samples) * (len(loaded) - len(tables))
        counts = {"samples": len(samples), "judged": len(joined), "cached": int(joined["cached"].sum())}
        manifest.counts.update(counts, failed=failed)
        manifest.extra["failed"] = result["failed"]
        spent = session.as_dict()
        manifest.tokens.update(spent["tokens"])
        manifest.cost = spent["cost"]
        result |= spent
        statuses = joined.loc[joined["score"].isna(), "status"]
        result["failed_for_good"] = sum(map(is_lasting, statuses))
        result["n_without_grade"] = failed
        write_table(joined, place.path / "judgments.parquet")
        write_document(place.path / "comparison.json", Comparison, result)
        manifest.write(place.path / "manifest.json")
        return {**result, "exit_code": EXIT_PARTIAL if failed or failures else EXIT_DONE}


def lines(result: dict[str, Any]) -> Iterator[str]:
    """A line per variant: its figures and its difference to the first one, or why it failed completely; or the plan."""
    if "parts" in result:
        yield from plan_lines(result)
        return
    changes = {one["variant"]: one for one in result["differences"] if one["measure"] == "auc"}
    rows = []
    for row in result["variants"]:
        change = changes.get(row["variant"])
        shown = "the base" if change is None else figure(change) + ("" if change["certain"] else ", may be chance")
        rows.append((row["variant"], figure(row["auc"]), figure(row["spearman"]), f"{row['n_failed']:,}", shown))
    rows += [(one["variant"], "–", "–", "all", one["cause"]) for one in result["failed"]]
    yield from columns(("variant", "AUC", "Spearman", "failed", "AUC against the first"), rows)
    left_out = f"; {result['n_left_out']:,} left out" if result["n_left_out"] else ""
    pairs, queries = counted(result["n_pairs"], "pair"), counted(result["n_queries"], "query")
    yield f"{pairs} of {queries}{left_out}. 95 % intervals, by query."
    for row in result["variants"]:
        if failed := row["n_failed"]:
            yield f"{row['variant']}: {counted(failed, 'pair')} without a judgment{causes(row['reasons'])}"
    yield from (f"{one['variant']}: {one['hint']}" for one in result["failed"] if one["hint"])
    yield from (f"Tries that failed: {tries}" for tries in tries_line(result))
    yield from (f"Cost: {cost}" for cost in cost_line(result))
    yield from asked_again(result, result["n_without_grade"])


def figure(measured: dict[str, Any]) -> str:
    """A value with its interval."""
    return f"{number(measured['value'])} [{number(measured['ci_low'])}, {number(measured['ci_high'])}]"


VERB = Verb(
    compare_prompts,
    lines,
    examples=(
        "sie compare-prompts --data sample --variants relevance/query-likelihood \\",
        "    relevance/query-likelihood-terse relevance/query-likelihood-plain --out runs/prompts",
        "sie compare-prompts --data graded.parquet --variants relevance/graded relevance/esci --backend openai \\",
        "    --endpoints endpoints.yaml --max-cost 5 --out runs/prompts --dry-run",
    ),
    options={"variants": Option("A B …"), "out": OUT_FOLDER, "revision": Option("TEXT")},
    python_only=("cache_path", "options", "relevant_at"),
)
