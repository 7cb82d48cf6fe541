"""Stability: the same pairs asked again, changed in ways that should not matter.

- ``repeat``: the same question once more, under a number that keeps its answer apart from the first.
- ``examples``: the prompt's examples in the opposite order.
- ``word order``: the query's last word first.
- ``plural``: an s added to the query's last word, or taken away.
- ``letter case``: the query in lower case, or with a capital for each word where it is in lower case already.

A query that a change leaves as it is says nothing and is left out of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from sie_agent.comparison.metrics import Graded, figure_of, mean_over_pairs, nearest_level
from sie_agent.judging import Sampler, Variant
from sie_agent.utils.arrays import Doubles, Integers

# endings that an s makes no plural of, and that lose none
NO_PLURAL = ("ss", "us", "is")


def last_word_first(query: str) -> str:
    """``blue garden hose`` as ``hose blue garden``."""
    *others, last = query.split() or [""]
    return " ".join([last, *others])


def other_number(query: str) -> str:
    """``garden hose`` as ``garden hoses``, and back; as it is where it ends in no letter or in ss, us, is."""
    if not query[-1:].isalpha() or query.lower().endswith(NO_PLURAL):
        return query
    return query[:-1] if query.endswith("s") else f"{query}s"


def other_case(query: str) -> str:
    """``Garden Hose`` as ``garden hose``, and back."""
    return query.lower() if query != query.lower() else query.title()


PARAPHRASES: dict[str, Callable[[str], str]] = {
    "word order": last_word_first,
    "plural": other_number,
    "letter case": other_case,
}


@dataclass(frozen=True)
class Again:
    """One way to ask the same pairs again.

    Attributes
    ----------
    change : its name. variant, rows : what is asked of which pairs; the ids are those of the pairs.
    repeat : number of the repeat, 0 where the question is another one.
    note : why there is nothing to ask; empty where there is.
    """

    change: str
    variant: Variant
    rows: pd.DataFrame
    repeat: int = 0
    note: str = ""


def sampled(samples: pd.DataFrame, count: int) -> pd.DataFrame:
    """At most *count* pairs, those whose ids have the smallest hash: the same ones however the rows come."""
    sampler = Sampler(count)
    sampler.add(samples)
    return sampler.rows()


def asked_again(variant: Variant, rows: pd.DataFrame, repeats: int) -> Iterator[Again]:
    """Every way in which *rows* are asked again."""
    for number in range(1, repeats + 1):
        yield Again("repeat", variant, rows, number)
    if len(variant.examples) > 1:
        yield Again("examples", variant.model_copy(update={"examples": variant.examples[::-1]}), rows)
    else:
        count = "no example" if not variant.examples else "one example"
        yield Again("examples", variant, rows.iloc[:0], note=f"the prompt has {count}, so no order")
    for name, change in PARAPHRASES.items():
        changed = rows["query"].map(change)
        moved = rows.assign(query=changed)[(changed != rows["query"]).to_numpy(bool)].reset_index(drop=True)
        yield Again(name, variant, moved, note="" if len(moved) else "it leaves every query as it is")


def stability_row(
    change: str, before: Sequence[Doubles], after: Sequence[Doubles], queries: Sequence[Integers], levels: Doubles
) -> dict[str, Any]:
    """How far answers stay the same, over all repeats of a change.

    Parameters
    ----------
    before, after : of each repeat, (n,) the first judgments and those that came again, NaN where there is none.
    queries : of each repeat, (n,) codes. levels : of the grades' scale.
    """
    first, again = np.concatenate([np.empty(0), *before]), np.concatenate([np.empty(0), *after])
    codes = np.concatenate([np.empty(0, np.intp), *queries])
    known = ~np.isnan(first) & ~np.isnan(again)
    row: dict[str, Any] = {"change": change, "n_pairs": int(known.sum()), "n_failed": int((~known).sum())}
    if not known.any():
        return row
    first, again, codes = first[known], again[known], np.unique(codes[known], return_inverse=True)[1].astype(np.intp)
    pairs = Graded(first, codes, scale=levels)
    same = nearest_level(first, levels) == nearest_level(again, levels)
    figures = {"same_level": same.astype(np.float64), "mean_change": np.abs(first - again)}
    for name, each in figures.items():
        found = figure_of(mean_over_pairs(each, pairs))
        row[name] = {key: min(max(value, 0.0), 1.0) if value == value else value for key, value in found.items()}
    return row
