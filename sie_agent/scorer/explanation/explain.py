"""Why a row has its score: the share of each feature, and what each word does.

Two answers that do not replace one another. Contributions of features are exact for the trees and add up, but
features overlap, so that credit is shared among those that say the same. Leaving out a word shows what the whole
scorer makes of it, but of two words that say the same, leaving out either changes little.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sie_agent.errors import InputError
from sie_agent.labels import label_names
from sie_agent.samples import check_samples
from sie_agent.scorer.explanation.meanings import LABEL_NAME, TOPIC, TOPIC_GROUPS, meaning_of
from sie_agent.scorer.explanation.spans import CHUNK, word_spans
from sie_agent.scorer.files import load_scorer
from sie_agent.scorer.label_errors import LABEL_ERROR
from sie_agent.scorer.model import Scorer, student_inputs
from sie_agent.selection import usual_label
from sie_agent.utils.arrays import Doubles
from sie_agent.utils.shown import shown

FIELDS = ("query", "title", "description")
# a title of a megabyte would else be scored as often as it has words
MOST_WORDS = 100
ROWS_AT_ONCE = 16


@dataclass(frozen=True)
class FeatureEffect:
    """What a feature, or a group of them, adds to the predicted rank of a row.

    Attributes
    ----------
    name : of the feature; value : not standardised, None for a group or a label that is not known.
    effect : SHAP value in units of the rank (0 to 1); meaning : the value in words.
    """

    name: str
    value: float | None
    effect: float
    meaning: str


@dataclass(frozen=True)
class WordEffect:
    """What the score loses without a word.

    Attributes
    ----------
    field : ``query``, ``title`` or ``description``; word : as it stands there, at ``[start, end)``.
    effect : predicted rank less the rank without the word: positive, the word raises the score.
    score_without : score of the row without the word, in the label's unit.
    """

    field: str
    word: str
    start: int
    end: int
    effect: float
    score_without: float


@dataclass(frozen=True)
class Explanation:
    """Why a row has its score. ``base`` + the features' effects + ``rest`` = ``rank``.

    Attributes
    ----------
    by : the weak label that is explained; score : in its unit.
    rank : what the trees predict, in (0, 1): the row's place among the rows that the scorer learned from.
    base : mean prediction of the trees over these rows.
    features : greatest effects first; rest : sum of the effects that are not listed.
    words : in the order of the texts; words_left_out : how many words of long texts were not tried.
    score_if_label_0, score_if_label_1 : the score, if the log said 0 or 1.
    sample_id, query, title, label : of the row; the label is None where the log says nothing.

    Examples
    --------
    >>> import sie_agent as sie
    >>> samples = sie.load_samples("sample", limit=1)
    >>> (explained,) = sie.explain_rows("runs/scorer", samples, by="value", top=3)
    >>> explained
    Explanation(by='value', score=..., rank=..., sample_id=..., features=3, words=...)
    >>> effects = sum(one.effect for one in explained.features)
    >>> abs(explained.base + effects + explained.rest - explained.rank) < 1e-6
    True
    """

    sample_id: str
    by: str
    query: str
    title: str
    label: float | None
    score: float
    rank: float
    base: float
    features: tuple[FeatureEffect, ...]
    rest: float
    words: tuple[WordEffect, ...]
    words_left_out: int
    score_if_label_0: float
    score_if_label_1: float

    def __repr__(self) -> str:
        about = {"sample_id": self.sample_id, "query": self.query, "title": self.title, "label": self.label}
        counts = {"features": len(self.features), "words": len(self.words)}
        return shown(self, by=self.by, score=self.score, rank=self.rank, **about, **counts)


def explain_rows(
    scorer: Scorer | str | Path, samples: pd.DataFrame, by: str | None = None, top: int | None = 8
) -> list[Explanation]:
    """Explain the score of each row.

    Features: SHAP values of the student's trees, exact, with the trees' own cover as the background (TreeSHAP,
    Lundberg 2018). They live on the scale that the trees predict, the rank of the label; the quantiles that the
    student has learned, a rising function, map the rank to the score. Words: the row is scored again without each
    word of its texts (erasure, Li et al. 2016).

    Parameters
    ----------
    scorer : a scorer, or the folder of one.
    samples : a table of samples (``sample_id, query, title, description, label``); a row's explanation depends
        on that row alone.
    by : the weak label; :func:`explained_by` where none is given.
    top : how many features are listed; None for all. Latent topics count as three: of query, title and both.

    Returns
    -------
    An explanation per row, in their order.

    Raises
    ------
    InputError : the scorer does not know *by*, or *top* is below 1.

    Examples
    --------
    >>> import sie_agent as sie
    >>> explained = sie.explain_rows("runs/scorer", sie.load_samples("sample", limit=3), by="support")
    >>> [one.by for one in explained]
    ['support', 'support', 'support']
    """
    check_samples(samples)
    if not isinstance(scorer, Scorer):
        scorer = load_scorer(scorer)
    by = explained_by(scorer) if by is None else by
    check_asked(scorer, by, top)
    explained: list[Explanation] = []
    for first in range(0, len(samples), ROWS_AT_ONCE):
        explained += explain_batch(scorer, samples.iloc[first : first + ROWS_AT_ONCE], by)
    return [shortened(one, top) for one in explained]


def explained_by(scorer: Scorer) -> str:
    """The weak label that is explained where none is asked for: the recipe's, else ``value``, else the first one."""
    return usual_label(scorer.students, scorer.recipe)


def check_asked(scorer: Scorer, by: str, top: int | None) -> None:
    """Raise InputError where the scorer does not know *by*, or *top* is below 1."""
    if by not in scorer.students:
        there = ", ".join(label_names(scorer.students)) or "none"
        more = f" {LABEL_ERROR} is computed from relevance and from what the log says." if by == LABEL_ERROR else ""
        raise InputError(f"the scorer's trees have no '{by}'", where="--by", hint=f"There are: {there}.{more}")
    if top is not None and top < 1:
        raise InputError(f"{top} features were asked for", where="--top", hint="Give a whole number from 1 upwards.")


def shortened(explanation: Explanation, top: int | None) -> Explanation:
    """The explanation with at most *top* features; what the others add goes into ``rest``."""
    if top is None or len(explanation.features) <= top:
        return explanation
    others = sum(feature.effect for feature in explanation.features[top:])
    return replace(explanation, features=explanation.features[:top], rest=explanation.rest + others)


def explain_batch(scorer: Scorer, samples: pd.DataFrame, by: str) -> list[Explanation]:
    """Rows and all that is asked of them, scored at once."""
    student = scorer.students[by]
    rows = samples[["sample_id", *FIELDS, "label", *scorer.columns]].to_dict("records")
    erased = [list(erasures(row)) for row in rows]
    asked = [variant for row, words in zip(rows, erased, strict=True) for variant in variants(row, words)]
    table = pd.DataFrame(asked)
    inputs = student_inputs(scorer.inputs_of(table), table["label"].astype(np.float64))
    ranks = student.ranks(inputs)
    scores = student.scores_at(ranks)
    starts = np.cumsum([0, *(3 + len(words) for words in erased[:-1])])
    effects = student.contributions(inputs[starts])
    raw = inputs[starts, :-1].astype(np.float64)
    text = len(scorer.features.centre)
    raw[:, :text] = raw[:, :text] * scorer.features.scale + scorer.features.centre
    names = [*scorer.input_names, LABEL_NAME]
    explained = []
    for place, (row, words, start) in enumerate(zip(rows, erased, starts.tolist(), strict=True)):
        label = float(row["label"])
        score, score_if_0, score_if_1, *without = scores[start : start + 3 + len(words)].tolist()
        rank, _, _, *ranks_without = ranks[start : start + 3 + len(words)].tolist()
        told = zip(words, ranks_without, without, strict=True)
        explained.append(
            Explanation(
                sample_id=str(row["sample_id"]),
                by=by,
                query=row["query"],
                title=row["title"],
                label=None if np.isnan(label) else label,
                score=score,
                rank=rank,
                base=float(effects[place, -1]),
                features=feature_effects(names, [*raw[place], label], effects[place, :-1]),
                rest=0.0,
                words=tuple(replace(word, effect=rank - other, score_without=found) for word, other, found in told),
                words_left_out=sum(max(0, len(list(word_spans(row[field]))) - MOST_WORDS) for field in FIELDS),
                score_if_label_0=score_if_0,
                score_if_label_1=score_if_1,
            )
        )
    return explained


def variants(row: dict[Any, Any], words: Sequence[WordEffect]) -> list[dict[Any, Any]]:
    """The row, the row with label 0 and with label 1, and the row without each of the words."""
    erased = [{**row, word.field: without_word(row[word.field], word.start, word.end)} for word in words]
    return [row, {**row, "label": 0.0}, {**row, "label": 1.0}, *erased]


def erasures(row: dict[Any, Any]) -> Iterator[WordEffect]:
    """The words that are to be left out in turn, without their effects."""
    for field in FIELDS:
        text = row[field]
        for start, end in islice(word_spans(text), MOST_WORDS):
            yield WordEffect(field, text[start:end], start, end, 0.0, 0.0)


def without_word(text: str, start: int, end: int | None = None) -> str:
    """The text without the word that starts at *start* and the white space behind it.

    Parameters
    ----------
    end : of the word; None for where the white space behind it begins.
    """
    if end is None:
        match = CHUNK.match(text, start)
        end = start if match is None else match.end()
    inside = start > 0 and not text[start - 1].isspace()
    rest = text[end:]
    return (text[:start] + (rest if inside else rest.lstrip())).rstrip()


def feature_effects(names: Sequence[str], values: Sequence[float], effects: Doubles) -> tuple[FeatureEffect, ...]:
    """Features by size of their effect, latent topics and parts of sentence vectors in one line each.

    Parameters
    ----------
    names, values : (d + 1,) not standardised, the label last; effects : (d + 1,) their SHAP values.
    """
    groups = {kind: 0.0 for kind in TOPIC_GROUPS if any(name.startswith(kind) for name in names)}
    single = []
    for name, value, effect in zip(names, values, effects.tolist(), strict=True):
        if topic := TOPIC.fullmatch(name):
            groups[topic.group(1)] += effect
        else:
            known = None if np.isnan(value) else round(float(value), 6) + 0.0
            single.append(FeatureEffect(name, known, effect, meaning_of(name, float(value))))
    topics = [FeatureEffect(TOPIC_GROUPS[kind][0], None, groups[kind], TOPIC_GROUPS[kind][1]) for kind in groups]
    return tuple(sorted([*single, *topics], key=lambda feature: (-abs(feature.effect), feature.name)))
