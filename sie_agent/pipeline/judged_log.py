"""What a judgments file says about a log: relevance row by row."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from sie_agent.calibration import RAW_SCORE
from sie_agent.errors import InputError
from sie_agent.files.paths import user_path
from sie_agent.judging import AGENT, scale_means_nothing
from sie_agent.panels import combined
from sie_agent.samples import made_by_words
from sie_agent.samples.tables import read_table
from sie_agent.scorer import file_of_run
from sie_agent.selection import PREFERENCE, RELEVANCE
from sie_agent.utils.arrays import Booleans, Doubles
from sie_agent.utils.progress import say

FEWEST_JUDGED = 10
TEXTS = ("sample_id", "query", "aspect", "variant", "model", "status")
AGAIN = "Label the data anew."
ZERO_SHOT = "zero-shot"
# how judgments came by their scores, in the column `mode` of those for which grades or a share were used
MODE = re.compile(r"zero-shot|gold-calibrated \([\d,]{1,20} grades?\)|share-calibrated \(share [\d.e-]{1,30}\)")


@dataclass(frozen=True)
class Judged:
    """One judge's relevance of a log.

    Attributes
    ----------
    relevance : (n,) in [0, 1], NaN where there is no judgment; model, variant : whose it is.
    by_rank : whether only the order of the answers means something.
    mode : what every figure of it is marked with.
    preference : (n,) how well each item fits its shopper, in [0, 1], NaN where there is no judgment; None where that
        was not judged. preference_by : who judged it, in words.
    """

    relevance: Doubles
    model: str
    variant: str
    by_rank: bool
    mode: str = ZERO_SHOT
    preference: Doubles | None = None
    preference_by: str | None = None

    @property
    def known(self) -> Booleans:
        """(n,) rows that have a judgment."""
        return ~np.isnan(self.relevance)


def check_paths(sources: object) -> None:
    """Raise InputError where judgments are given that are not paths, such as a table in memory."""
    given = sources if isinstance(sources, list | tuple) else [sources]
    for source in given:
        if not isinstance(source, str | os.PathLike):
            hint = "Give the folder that `sie label` wrote, or a file that you wrote with to_parquet."
            raise InputError(f"is a {type(source).__name__}, not a path", where="judgments", hint=hint)


def read_judgments(sources: Sequence[str | Path]) -> tuple[pd.DataFrame, str]:
    """The judgments of some files that ``sie label`` or ``sie run`` wrote, or their folders; and their names.

    Where two files hold a judgment of the same pair by the same judge, that of the later file counts; but a failure,
    which has no score or a status other than ``ok``, never replaces an answer.

    Returns
    -------
    The judgments, with the name of each one's file in ``file``, and the names of all files.

    Raises
    ------
    InputError : a file is missing or damaged, lacks a column, or a column is not of the type of SCHEMAS.md.
    """
    check_paths(sources)
    paths = [user_path(source) for source in sources]
    for path in paths:
        if path.is_dir() and not (path / "judgments.parquet").exists() and (made := made_by_words(path)):
            problem = f"{made}it holds no judgments"
            raise InputError(problem, where=path, hint="Give the folder that `sie label` wrote")
    paths = [file_of_run(path, "judgments.parquet") if path.is_dir() else path for path in paths]
    found = pd.DataFrame()
    for path in paths:
        table = typed(read_table(path, required=(*TEXTS, "score"), writer="`sie label`"), str(path)).assign(
            file=str(path)
        )
        found = joined(found, table) if len(found) else table
    return found, ", ".join(map(str, paths))


def typed(table: pd.DataFrame, where: str) -> pd.DataFrame:
    """The table with the columns that are read as text and float64.

    Raises
    ------
    InputError : a cell is not text, or the scores are not numbers; names file, row and field.
    """
    columns: dict[str, pd.Series] = {}
    for name in TEXTS:
        # as objects: a column of categories or of numbers is told by its cells
        cells = table[name].astype(object)
        wrong = ~cells.map(lambda cell: isinstance(cell, str)).to_numpy(bool)
        if wrong.any():
            row = int(np.argmax(wrong))
            empty = pd.api.types.is_scalar(cells.iloc[row]) and pd.isna(cells.iloc[row])
            told = f"the {name} is empty" if empty else f"the {name} {str(cells.iloc[row])[:40]} is not text"
            raise InputError(told, where=f"{where}, row {row + 1}, field '{name}'", hint=AGAIN)
        columns[name] = cells.astype("str")
    score = table["score"]
    # a file of nothing but failures may hold a column without a type
    numeric = pd.api.types.is_numeric_dtype(score.dtype) and not pd.api.types.is_bool_dtype(score.dtype)
    if not (numeric or score.isna().all()):
        raise InputError("the scores are not numbers", where=f"{where}, field 'score'", hint=AGAIN)
    return table.assign(**columns, score=score.astype("float64"))


def joined(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """Two files' judgments, one of each pair and judge: an answer before a failure, else that of *after*."""
    pairs_before, pairs_after = pairs_of(before), pairs_of(after)
    answered_before, answered_after = answered(before), answered(after)
    replaced = pairs_before.isin(pairs_after[answered_after]) | (pairs_before.isin(pairs_after) & ~answered_before)
    useless = ~answered_after & pairs_after.isin(pairs_before[answered_before])
    return pd.concat([before[~replaced], after[~useless]], ignore_index=True)


def pairs_of(table: pd.DataFrame) -> pd.MultiIndex:
    """What was judged and by whom, row by row; a judge that answered in writing is the same judge."""
    keys = table[["sample_id", "query", "aspect", "model"]]
    return pd.MultiIndex.from_frame(keys.assign(asked=asked_variant(table)))


def answered(table: pd.DataFrame) -> Booleans:
    """(n,) which rows are answers, and no failures."""
    return ((table["status"] == "ok") & table["score"].notna()).to_numpy(bool)


def asked_variant(rows: pd.DataFrame) -> pd.Series[str]:
    """The variant that was asked: a server that gave no log-probabilities answered in writing, by another method."""
    asked: pd.Series[str] = rows["variant"].str.split("+", regex=False).str[0]
    return asked


def relevance_of_all(
    table: pd.DataFrame,
    samples: pd.DataFrame,
    where: str,
    *,
    models: Sequence[str] = (),
    variant: str | None = None,
    by_rank: bool | None = None,
) -> Judged:
    """:func:`relevance_of` of one judge, or of a panel of several *models*: the mean of their ranks.

    A panel has judged the rows that all its members have; only the order of its answers means something. Judgments of
    preference come along. Where there is nothing else, they stand for relevance: in a recommender's log the shopper is
    what the item has to answer.

    Raises
    ------
    InputError : as of :func:`relevance_of`; a member is named twice, or they have too few rows in common.
    """
    if twice := next((name for number, name in enumerate(models) if name in models[:number]), None):
        raise InputError(f"the model '{twice}' is named twice", where="--model", hint="Name each model once.")
    preferred = preference_of(table, samples, where, models, variant)
    if preferred is not None and not (table["aspect"] == RELEVANCE).any():
        say("No judgment of relevance: weak labels are made of preference, how well the item fits the shopper")
        return preferred if by_rank is None else replace(preferred, by_rank=by_rank)
    if len(models) < 2:
        judged = relevance_of(table, samples, where, model=next(iter(models), None), variant=variant, by_rank=by_rank)
    else:
        judged = panel_of(table, samples, where, models, variant)
    if preferred is None:
        return judged
    return replace(judged, preference=preferred.preference, preference_by=preferred.preference_by)


def check_preference(judged: Judged, strength: float, where: str) -> None:
    """Raise InputError where weights shall be moved by shoppers, *strength* > 0, and nobody judged their preference."""
    if strength > 0 and judged.preference is None:
        problem = f"recipe.preference is {strength:g}, and there is no judgment of preference"
        raise InputError(problem, where=where, hint="Make some with `sie label --variant preference/NAME`.")


def preference_of(
    table: pd.DataFrame, samples: pd.DataFrame, where: str, models: Sequence[str], variant: str | None
) -> Judged | None:
    """One judge's preference of a log, as its relevance too; None where none was judged.

    Parameters
    ----------
    models, variant : count where they are of judgments of preference; else they are meant for relevance.
    """
    rows = table[table["aspect"] == PREFERENCE]
    if rows.empty:
        return None
    model = next((name for name in models if name in set(rows["model"])), None)
    asked = variant if variant in set(asked_variant(rows)) else None
    found = relevance_of(table, samples, where, model=model, variant=asked, aspect=PREFERENCE)
    return replace(found, preference=found.relevance, preference_by=f"{found.model} ({found.variant})")


def panel_of(
    table: pd.DataFrame, samples: pd.DataFrame, where: str, models: Sequence[str], variant: str | None
) -> Judged:
    """The mean of the ranks of several models' answers.

    Raises
    ------
    InputError : as of :func:`relevance_of`, or they have too few rows in common.
    """
    members = [relevance_of(table, samples, where, model=model, variant=variant) for model in models]
    relevance = combined("mean-rank", [one.relevance for one in members])
    names, variants = (" + ".join(getattr(one, name) for one in members) for name in ("model", "variant"))
    modes = list(dict.fromkeys(one.mode for one in members if one.mode != ZERO_SHOT))
    panel = Judged(relevance, names, variants, True, " + ".join(modes) or ZERO_SHOT)
    if panel.known.sum() < FEWEST_JUDGED:
        raise InputError(
            f"{int(panel.known.sum())} samples were judged by each of {', '.join(models)}; at least {FEWEST_JUDGED} "
            "are needed",
            where=where,
            hint="Let each of them judge the same rows.",
        )
    return panel


def relevance_of(
    table: pd.DataFrame,
    samples: pd.DataFrame,
    where: str,
    *,
    model: str | None = None,
    variant: str | None = None,
    by_rank: bool | None = None,
    aspect: str = RELEVANCE,
) -> Judged:
    """The relevance of each sample by one judge, or what it said of another aspect.

    Parameters
    ----------
    table : judgments; samples : the log; where : name of the judgments file, for messages.
    model, variant : the judge, where the table holds several; by_rank : None to go by the variant's method.

    Raises
    ------
    InputError : no relevance, several judges, judgments of other data, or fewer than 10 rows with a judgment.
    """
    rows = table[table["aspect"] == aspect].reset_index(drop=True)
    if rows.empty:
        hint = f"Make some with `sie label --variant {aspect}/NAME`."
        raise InputError(f"holds no judgment of {aspect}", where=where, hint=hint)
    rows["asked"] = asked_variant(rows)
    rows = with_agent(rows, variant)
    mixed = names_with_agent(rows)
    rows, chosen_model = one_of(rows, rows["model"], "model", model, where, mixed)
    rows, chosen_variant = one_of(rows, rows["asked"], "variant", variant, where, mixed)
    if rows["sample_id"].duplicated().any():
        twice = rows[rows["sample_id"].duplicated()].iloc[0]
        said = f"the sample '{twice['sample_id']}' is judged twice"
        raise InputError(said, where=file_of(twice, where), hint=AGAIN)
    refuse_scores(rows, where)
    by_id = rows.set_index("sample_id")
    ids = samples["sample_id"]
    refuse_other_data(by_id, samples, where)
    relevance = ids.map(by_id["score"]).to_numpy(np.float64)
    count = int((~np.isnan(relevance)).sum())
    if count < FEWEST_JUDGED:
        raise InputError(
            f"{count} of the {len(samples):,} samples have a judgment; at least {FEWEST_JUDGED} are needed",
            where=where,
            hint="Give the data that were labelled, or label more of them.",
        )
    mode = mode_of(rows[answered(rows)], where)
    # a calibration gave scores a scale, weights of a panel did not
    scaled = RAW_SCORE in rows and bool(rows[RAW_SCORE].notna().any())
    ranked = (scale_means_nothing(chosen_variant) and not scaled) if by_rank is None else by_rank
    return Judged(relevance, chosen_model, chosen_variant, ranked, mode)


def with_agent(rows: pd.DataFrame, variant: str | None) -> pd.DataFrame:
    """The judgments of ``NAME+agent`` as those of one judge: an agent's where it judged, of variant NAME else.

    Only where that is asked for by this name: an agent's judgments rest on more than the others.
    """
    if variant is None or not variant.endswith(AGENT):
        return rows
    agents = rows["variant"].str.endswith(AGENT)
    both = rows[agents | (rows["asked"] == variant.removesuffix(AGENT))].reset_index(drop=True)
    return both.assign(asked=variant, model=" + ".join(sorted(set(both["model"])))) if agents.any() else rows


def names_with_agent(rows: pd.DataFrame) -> list[str]:
    """By which names an agent's judgments and the first ones are taken together; none where there are not both."""
    agents = rows["variant"].str.endswith(AGENT)
    return [f"{name}{AGENT}" for name in sorted(set(rows.loc[~agents, "asked"]))] if agents.any() else []


def mode_of(rows: pd.DataFrame, where: str) -> str:
    """How the answers of one judge came by their scores.

    Raises
    ------
    InputError : in several ways, or in none that is known.
    """
    if "mode" not in rows or rows.empty:
        return ZERO_SHOT
    modes = rows["mode"].fillna(ZERO_SHOT).astype(str)
    there = sorted(modes.unique())
    wrong = next((one for one in there if not MODE.fullmatch(one)), None)
    if wrong is not None:
        raise InputError(f"unknown mode '{wrong[:60]}'", where=f"{where}, field 'mode'", hint=AGAIN)
    if len(there) > 1:
        problem = f"holds judgments of one judge with and without calibration, or of several: {', '.join(there)}"
        raise InputError(problem, where=where, hint="Label all the data with one --calibration, or none.")
    return str(there[0])


def one_of(
    rows: pd.DataFrame, values: pd.Series[str], what: str, wanted: str | None, where: str, mixed: Sequence[str] = ()
) -> tuple[pd.DataFrame, str]:
    """The rows of one model or variant: the one wanted, or the only one there; *mixed* as `names_with_agent` gives."""
    there = sorted(str(value) for value in values.unique())
    option = f"--{what}"
    if wanted is not None and wanted not in there:
        raise InputError(
            f"holds no judgment of {what} '{wanted}'", where=where, hint=f"Give {option} one of: {', '.join(there)}."
        )
    if wanted is None and len(there) > 1:
        counts = ", ".join(f"{value} ({int((values == value).sum()):,})" for value in there) if mixed else ""
        hint = f"Choose one with {option}: {counts or ', '.join(there)}."
        if mixed:
            hint = f"Take all of them, the agent's in place of the first, with --variant {' or '.join(mixed)}. {hint}"
        raise InputError(f"holds judgments of several {what}s, which are not to be mixed", where=where, hint=hint)
    chosen = there[0] if wanted is None else wanted
    return rows[values == chosen], chosen


def refuse_scores(rows: pd.DataFrame, where: str) -> None:
    """Raise InputError at the first score that is not a number in [0, 1]."""
    outside = (rows["score"] < 0) | (rows["score"] > 1)
    if outside.any():
        wrong = rows[outside].iloc[0]
        raise InputError(
            f"the score of sample '{wrong['sample_id']}' must be between 0 and 1, found {wrong['score']:g}",
            where=f"{file_of(wrong, where)}, field 'score'",
            hint=AGAIN,
        )


def file_of(row: pd.Series, where: str) -> str:
    """The file of one judgment, as far as :func:`read_judgments` noted it."""
    return str(row.get("file", where))


def refuse_other_data(by_id: pd.DataFrame, samples: pd.DataFrame, where: str) -> None:
    """Raise InputError where a judged id has another query or item in the log: ids are often mere row numbers."""
    for name, what in (("query", "the query"), ("item_id", "the item")):
        if name not in by_id.columns:
            continue
        judged = samples["sample_id"].map(by_id[name])
        differs = (judged.notna() & (judged != "") & (judged != samples[name])).to_numpy(bool)
        if differs.any():
            row = int(np.argmax(differs))
            raise InputError(
                f"sample '{samples['sample_id'].iloc[row]}' was judged for {what} "
                f"'{str(judged.iloc[row])[:60]}', and the data have '{str(samples[name].iloc[row])[:60]}'",
                where=file_of(by_id.loc[samples["sample_id"].iloc[row]], where),
                hint="Give the data, the map and the split that were labelled; in their order, where rows have no ids.",
            )
