"""``sie compare-prompts``: judge the same pairs with several variants and compare them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd

from sie_agent.commands.judges import Judge, as_judge, open_judge
from sie_agent.errors import EXIT_DONE, EXIT_PARTIAL, InputError, SieError
from sie_agent.evaluation import comparable_judgments, compare_judgments
from sie_agent.files.manifest import Manifest, command_line
from sie_agent.files.outputs import Folder, Work, outputs
from sie_agent.files.tables import write_table
from sie_agent.files.typed_json import write_document
from sie_agent.judging import Backend, JudgmentCache, Session, Variant, check_method, is_lasting, load_variant
from sie_agent.judging import judge as judge_pairs
from sie_agent.pipeline.loading import source_of
from sie_agent.results import Comparison
from sie_agent.samples import load_samples, rows_policy, without_grade
from sie_agent.suite.failed import Failure, as_rows, nobody_left, raised, reasons_of, ungraded
from sie_agent.utils.counts import counted
from sie_agent.utils.progress import say
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
    max_cost: float | None = None,
    relevant_at: float = 0.75,
    cache_path: str | Path | None = None,
    skip_invalid: bool = False,
    strict: bool = False,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Compare prompt variants on the same graded pairs.

    Writes ``comparison.json``, ``judgments.parquet`` and ``manifest.json`` into *out*. A variant that fails whole is
    left out and named in ``failed``; the others are compared. What was answered is kept: the same call, made again,
    asks only what is missing.

    Parameters
    ----------
    data, column_map, limit : as `load_samples` takes them; the data need grades.
    variants : two or more names of relevance variants; the first is the baseline of the differences.
    judge : who is asked, or the name of a backend; the embedded model if not given.
    retry_failed : ask again where the cache holds a lasting failure.
    max_cost : stop before the answers of this run cost more, in USD; the rest has the status ``not-asked``.
    skip_invalid, strict : what is done with rows that cannot be used, see `rows_policy`.
    overwrite : replace what other work left in *out*.
    out : folder to write into.
    relevant_at : grade from which on a pair counts as relevant.
    cache_path : the judgment cache; the default one when not given.

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
    check_values(data=data, column_map=column_map, limit=limit, variants=list(variants), max_cost=max_cost)
    check_values(relevant_at=relevant_at)
    if len(variants) < 2 or len(set(variants)) != len(variants):
        raise InputError(
            "give two or more different variants",
            where="--variants",
            hint="For example --variants relevance/A relevance/B.",
        )
    loaded = [load_variant(name) for name in variants]
    for name, variant in zip(variants, loaded, strict=True):
        if variant.aspect != "relevance":
            raise InputError(
                f"'{name}' judges {variant.aspect}, not relevance",
                where="--variants",
                hint="Choose relevance variants.",
            )
    asked = as_judge(judge)
    place = Folder("--out", out, ("comparison.json", "judgments.parquet", "manifest.json"))
    reads = {"--data": source_of(data), "--map": column_map, "--variants": list(variants), **asked.reads}
    settings = {"--limit": limit, "relevant at": relevant_at, **asked.settings}
    work = Work("compare-prompts", reads, settings, uses={"--endpoints": asked.endpoints}, grows=("--limit",))
    with outputs(work, place, overwrite=overwrite, cache_path=cache_path):

        def opened() -> Backend:
            return open_judge(asked)[0]

        with closing(opened()) as backend:
            for variant in loaded:
                check_method(backend, variant)
        policy = rows_policy(place.path, skip_invalid=skip_invalid, strict=strict, data=data)
        samples = load_samples(data, column_map=column_map, limit=limit, invalid=policy)
        if samples["grade"].isna().all():
            raise InputError(
                "the samples have no grades to compare with",
                where=f"{data}, field 'grade'",
                hint="Map the human grade in the column map.",
            )
        manifest = Manifest(command_line())
        with closing(opened()) as backend, JudgmentCache(cache_path) as cache:
            session = Session(backend, cache, max_cost=max_cost)
            named = dict(zip(variants, loaded, strict=True))
            tables, failures = judge_each(samples, named, opened, cache, session, manifest, retry_failed)
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
        manifest.counts.update(
            samples=len(samples), judged=len(joined), cached=int(joined["cached"].sum()), failed=failed
        )
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


def judge_each(
    samples: pd.DataFrame,
    variants: Mapping[str, Variant],
    opened: Callable[[], Backend],
    cache: JudgmentCache,
    session: Session,
    manifest: Manifest,
    retry_failed: bool,
) -> tuple[dict[str, pd.DataFrame], list[Failure]]:
    """Judgments by variant, and the variants that raised an error instead.

    Raises
    ------
    SieError : the judgment cache is in the way, or the settings of the backend are wrong.
    """
    tables: dict[str, pd.DataFrame] = {}
    failures: list[Failure] = []
    backend = opened()
    try:
        for name, variant in variants.items():
            say(f"Judging {counted(len(samples), 'pair')} with {name}")
            with manifest.stage(f"judging with {name}"):
                try:
                    tables[name] = judge_pairs(
                        without_grade(samples), variant, backend, cache, retry_failed=retry_failed, session=session
                    )
                except SieError as error:
                    failures.append(raised(name, error, cache))
                    say(f"{name} is left out: {failures[-1]}")
            if name not in tables or tables[name]["score"].isna().all():
                # what a backend learned of a server from one variant that failed is not to stand in the others' way
                backend.close()
                backend = opened()
    finally:
        backend.close()
    return tables, failures


def not_comparable(table: pd.DataFrame, name: str, kept: dict[str, pd.DataFrame]) -> Failure:
    """Why the judgments of a variant are not among those that are compared."""
    graded = int(table["score"].notna().sum())
    where = f", none of which {', '.join(kept) + ' judged' if kept else 'a person graded'} too" if graded else ""
    return ungraded(name, reasons_of(table), len(table), graded, where)
