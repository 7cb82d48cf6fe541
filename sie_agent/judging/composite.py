"""Variants of several questions: each is asked as a plain one, and what comes back is combined by a stated rule.

``facets``: the product of the gates' scores times the weighted mean of the others. ``pairwise``: the share of the
comparisons with other items of the query that an item wins. A ``profile`` is asked for once per item and shown in the
question about the pair. Where a question that a judgment rests on has no answer, there is no judgment, but its status.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd

from sie_agent.judging.prompts.templates import OTHER_FIELDS
from sie_agent.judging.prompts.variants import ITEM_FIELDS, Variant, asked_variants
from sie_agent.utils.arrays import Booleans, Doubles

# asks a plain variant about rows: one judgment per row, in their order
Ask = Callable[[Variant, pd.DataFrame], pd.DataFrame]
COUNTS = ("input_tokens", "output_tokens", "latency_ms")
NO_OPPONENT = "no-opponent"
WRITTEN = "+written"


def composite_table(variant: Variant, rows: pd.DataFrame, ask: Ask) -> pd.DataFrame:
    """The judgments of a composite variant, combined from those of its plain ones.

    Parameters
    ----------
    variant : of method ``facets`` or ``pairwise``, or one that shows a profile.
    rows : samples. The opponents of an item are taken from these rows and no others.
    ask : asks a plain variant.

    Returns
    -------
    A judgment per row that *ask* would give, with its columns: tokens and time are sums, ``cached`` says whether all
    were, ``detail`` the parts.

    Raises
    ------
    As *ask*.
    """
    asked = asked_variants(variant)
    if variant.method == "facets":
        return facets_table(variant, {name: ask(part, rows) for name, part in asked.items()})
    if variant.method == "pairwise":
        return preference_table(variant, rows, ask, asked["preference"])
    return profiled_table(variant, rows, ask, *asked.values())


def facets_table(variant: Variant, tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The facets put together.

    Parameters
    ----------
    tables : by facet, judgments of the same rows.
    """
    scores = {name: table["score"].to_numpy(np.float64) for name, table in tables.items()}
    result = joined(variant, list(tables.values()))
    result["score"] = facets_score(variant, scores)
    told = zip(*([f"{name} {one:.2f}" for one in score] for name, score in scores.items()), strict=True)
    ok = result["score"].notna().to_numpy()
    result["detail"] = np.where(ok, [", ".join(parts) for parts in told], result["detail"].to_numpy(dtype=object))
    return result


def facets_score(variant: Variant, scores: Mapping[str, Doubles]) -> Doubles:
    """The product of the gates times the weighted mean of the other facets; NaN where one has no score.

    Parameters
    ----------
    scores : by facet, (n,) in [0, 1].
    """
    weighed = [facet for facet in variant.facets if facet.role == "weigh"]
    total = sum(facet.weight for facet in weighed)
    combined = np.ones(len(scores[variant.facets[0].name]))
    if weighed:
        combined = np.sum([facet.weight / total * scores[facet.name] for facet in weighed], axis=0)
    for facet in variant.facets:
        if facet.role == "gate":
            combined = combined * scores[facet.name]
    return np.clip(combined, 0.0, 1.0)


def profiled_table(variant: Variant, rows: pd.DataFrame, ask: Ask, profile: Variant, plain: Variant) -> pd.DataFrame:
    """Judgments that were given with the item's profile; a pair whose item has none has no judgment."""
    first = ask(profile, rows)
    there = (first["status"] == "ok").to_numpy()
    result = joined(variant, [first])
    result["score"], result["probabilities"] = np.nan, pd.NA
    result.loc[~there, "detail"] = "no profile: " + first.loc[~there, "detail"]
    if not there.any():
        return result
    shown = rows[there].assign(profile=first.loc[there, "detail"].to_numpy(dtype=object))
    second = ask(plain, shown).set_axis(first.index[there])
    both = joined(variant, [first[there], second])
    for name in ("score", "probabilities", "entropy"):
        both[name] = second[name]
    both["detail"] = second["detail"]
    return pd.concat([both, result[~there]]).sort_index()[list(first.columns)]


def preference_table(variant: Variant, rows: pd.DataFrame, ask: Ask, plain: Variant) -> pd.DataFrame:
    """The share of its comparisons that each item wins.

    A comparison is asked in both orders, so that a judge that likes the first item better gains nothing by it. Tokens
    are counted where an item stands first: over all items they add up to what was asked.
    """
    rows = rows.reset_index(drop=True)
    names = ["query", *(name for name in ITEM_FIELDS if name in rows.columns)]
    place = rows.groupby(names, sort=False, dropna=False).ngroup().to_numpy()
    items = rows.drop_duplicates(names).reset_index(drop=True)
    first, second = opponents(items, names, variant.opponents)
    others = {name: items[name.removeprefix("other_")] for name in OTHER_FIELDS if name[6:] in items.columns}
    against = {name: column.to_numpy(dtype=object)[second] for name, column in others.items()}
    asked = items.iloc[first].assign(**against).reset_index(drop=True)
    table = ask(plain, asked)
    result = wins_table(variant, items, table, first, second).iloc[place].reset_index(drop=True)
    for name in ("sample_id", "query", "item_id"):
        result[name] = rows[name].to_numpy(dtype=object)
    # what an item took is paid for once
    return result.assign(cached=result["cached"] | pd.Index(place).duplicated())


def opponents(items: pd.DataFrame, names: Sequence[str], count: int) -> tuple[list[int], list[int]]:
    """Who meets whom: the items of a query stand in a circle, in the order of a hash of their texts.

    Each meets the ``count / 2`` next to it on either side, fewer where there are fewer. A few more or fewer rows change
    few of the pairs.

    Parameters
    ----------
    items : distinct ones. names : the columns of their texts, the query first.

    Returns
    -------
    The places of those who stand first and second, each pair in both orders.
    """
    hashes = pd.util.hash_pandas_object(items[list(names)], index=False).to_numpy()
    pairs: list[tuple[int, int]] = []
    for members in items.groupby("query", sort=False).indices.values():
        circle = sorted((int(one) for one in members), key=lambda one: (hashes[one], one))
        size = len(circle)
        met = {
            (min(one, other), max(one, other))
            for step in range(1, min(count, size) // 2 + 1)
            for one, other in zip(circle, circle[step:] + circle[:step], strict=True)
            if one != other
        }
        pairs += [each for one, other in sorted(met) for each in ((one, other), (other, one))]
    return [one for one, _ in pairs], [other for _, other in pairs]


def wins_table(
    variant: Variant, items: pd.DataFrame, table: pd.DataFrame, first: Sequence[int], second: Sequence[int]
) -> pd.DataFrame:
    """A judgment per item from the comparisons.

    Parameters
    ----------
    table : a judgment per comparison: the score is that of the item that stands first.
    """
    count, score = len(items), table["score"].to_numpy(np.float64)
    met = np.bincount([*first, *second], minlength=count)
    won = np.bincount([*first, *second], np.concatenate([score, 1.0 - score]), minlength=count)
    share = np.divide(won, met, out=np.full(count, np.nan), where=met > 0)
    own = table.assign(place=np.array(first, np.int64))
    failed: dict[int, tuple[str, str]] = {}
    for place in np.flatnonzero(np.isnan(score)).tolist():
        why = (str(table["status"].iloc[place]), str(table["detail"].iloc[place]))
        failed.setdefault(first[place], why)
        failed.setdefault(second[place], why)
    grouped = own.groupby("place")
    sums = grouped[list(COUNTS)].sum().reindex(range(count), fill_value=0)
    alone = (NO_OPPONENT, "no other item of the query among the rows that were judged together")
    reasons = [failed.get(one, alone if not met[one] else ("ok", "")) for one in range(count)]
    ok = [status == "ok" for status, _ in reasons]
    wins = [f"{share[one]:.2f} of {met[one]} comparisons won" if good else "" for one, good in enumerate(ok)]
    said = grouped["variant"].apply(lambda names: any(name.endswith(WRITTEN) for name in names))
    written = said.reindex(range(count), fill_value=False).to_numpy(bool)
    return pd.DataFrame(
        {
            **{name: items[name].to_numpy(dtype=object) for name in ("sample_id", "query", "item_id")},
            "aspect": variant.aspect,
            "variant": np.where(written, variant.name + WRITTEN, variant.name).astype(object),
            **{name: texts(own, name, count) for name in ("model", "endpoint")},
            "score": np.where(ok, share, np.nan),
            "probabilities": pd.array([None] * count, dtype="string"),
            "entropy": np.nan,
            "status": [status for status, _ in reasons],
            "detail": [told or why for told, (_, why) in zip(wins, reasons, strict=True)],
            **{name: sums[name].to_numpy() for name in COUNTS[:2]},
            "cached": grouped["cached"].all().reindex(range(count), fill_value=True).to_numpy(bool),
            "latency_ms": sums["latency_ms"].to_numpy(np.float64),
        }
    )[list(table.columns)]


def texts(own: pd.DataFrame, name: str, count: int) -> list[str]:
    """The distinct texts of a column for each place, in order; nothing where it has no row."""
    said: list[list[str]] = [[] for _ in range(count)]
    for place, text in zip(own["place"], own[name], strict=True):
        said[place].append(text)
    return [several(one) for one in said]


def joined(variant: Variant, tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """What several judgments of the same rows have in common: who answered, what it took, and the first that failed.

    Score, probabilities and entropy are those of no part: they are to be filled in.
    """
    result = tables[0].copy()
    written = np.any([table["variant"].str.endswith(WRITTEN).to_numpy(bool) for table in tables], axis=0)
    result["variant"] = np.where(written, variant.name + WRITTEN, variant.name).astype(object)
    result["aspect"] = variant.aspect
    for name in ("model", "endpoint"):
        result[name] = [several(said) for said in zip(*(table[name] for table in tables), strict=True)]
    for name in COUNTS:
        result[name] = np.sum([table[name].to_numpy() for table in tables], axis=0)
    result["cached"] = np.all([table["cached"].to_numpy(bool) for table in tables], axis=0)
    result["entropy"], result["probabilities"] = np.nan, pd.array([None] * len(result), dtype="string")
    for table in reversed(tables):
        failed: Booleans = (table["status"] != "ok").to_numpy(bool)
        for name in ("status", "detail"):
            result[name] = np.where(failed, table[name].to_numpy(dtype=object), result[name].to_numpy(dtype=object))
    return result


def several(said: Sequence[str]) -> str:
    """Distinct names in order, as one."""
    return " + ".join(dict.fromkeys(one for one in said if one))
