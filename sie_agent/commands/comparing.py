"""The same pairs before one variant after the other; one that fails completely does not stop the others."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from sie_agent.commands.judges import Judge, open_judge
from sie_agent.errors import SieError
from sie_agent.files.manifest import Manifest
from sie_agent.judging import JudgmentCache, Session, Variant
from sie_agent.judging import judge as judge_pairs
from sie_agent.samples import without_grade
from sie_agent.suite.failed import Failure, raised, reasons_of, ungraded
from sie_agent.utils.counts import counted
from sie_agent.utils.progress import say


def judge_each(
    samples: pd.DataFrame,
    variants: Mapping[str, Variant],
    asked: Judge,
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
    backend = open_judge(asked)[0]
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
                backend = open_judge(asked)[0]
    finally:
        backend.close()
    return tables, failures


def not_comparable(table: pd.DataFrame, name: str, kept: dict[str, pd.DataFrame]) -> Failure:
    """Why the judgments of a variant are not among those that are compared."""
    graded = int(table["score"].notna().sum())
    where = f", none of which {', '.join(kept) + ' judged' if kept else 'a person graded'} too" if graded else ""
    return ungraded(name, reasons_of(table), len(table), graded, where)
