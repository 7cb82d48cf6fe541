"""The distilled scorer: text features and one student per weak label."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from sie_agent.errors import InputError
from sie_agent.features import TextFeatures, feature_names
from sie_agent.labels import WEAK_LABELS, StudentSettings, label_names, student_settings
from sie_agent.samples import check_samples
from sie_agent.scorer.blocks.base import Block, row_inputs
from sie_agent.scorer.blocks.registry import TEXT_INPUTS, fit_blocks
from sie_agent.scorer.label_errors import LabelErrors
from sie_agent.scorer.student import Ends, Student, fit_student
from sie_agent.selection import PERSONAL, QUANTILES, RELEVANCE, Recipe
from sie_agent.utils.arrays import Booleans, Doubles, Floats
from sie_agent.utils.counts import counted
from sie_agent.utils.shown import shown
from sie_agent.utils.signatures import checked

FOLDS = 3


@dataclass(frozen=True)
class Scorer:
    """Sample text and label in, weak labels out. No language model, gradient or grade.

    Attributes
    ----------
    features : the fitted text features; students : by weak label; about : provenance, written beside the model.
    score_quantiles : by weak label, (101,) quantiles of scores on the log that it was distilled from, of rows that
        the students had not seen: what live scores are compared with. score_rows : how many rows these are of.
    recipe : how its scores become targets and weights; None where nobody has chosen.
    label_errors : how it tells whether a label is wrong; None where nothing was fitted.
    blocks : what it reads beside the text and the log's label, see :data:`sie_agent.scorer.BLOCKS`.

    Examples
    --------
    >>> import sie_agent as sie
    >>> scorer = sie.load_scorer("runs/scorer")
    >>> scorer.predict(sie.load_samples("sample", limit=2)).columns.tolist()
    ['sample_id', 'relevance', 'value', 'support', 'hardness']
    """

    features: TextFeatures
    students: Mapping[str, Student]
    about: Mapping[str, Any]
    score_quantiles: Mapping[str, Doubles] = field(default_factory=dict)
    score_rows: int = 0
    recipe: Recipe | None = None
    label_errors: LabelErrors | None = None
    blocks: tuple[Block, ...] = ()

    def __repr__(self) -> str:
        rows = self.about.get("n_samples")
        recipe = None if self.recipe is None else self.recipe.words
        return shown(self, labels=list(self.students), rows=rows, recipe=recipe)

    @checked
    def predict(self, samples: pd.DataFrame) -> pd.DataFrame:
        """Scores of each row; a row's scores depend on that row alone.

        Parameters
        ----------
        samples : the table of samples, as :func:`sie_agent.load_samples` gives it, or some of its rows.

        Returns
        -------
        Table of ``sample_id`` and one column per weak label, with the index of *samples*.

        Raises
        ------
        InputError : *samples* is not a table, or a column is missing.
        """
        check_samples(samples)
        return self.predict_from(samples["sample_id"], student_inputs(self.inputs_of(samples), samples["label"]))

    def inputs_of(self, samples: pd.DataFrame) -> Floats:
        """(n, d) what the students read of each row, without the log's label: text features, then each block's.

        Raises
        ------
        InputError : a column that a block reads is missing, or holds something that is not a finite number.
        """
        return row_inputs(self.features.transform(samples), self.blocks, samples)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of numbers that it reads of the samples, beside the log's label."""
        return tuple(name for block in self.blocks for name in block.columns)

    @property
    def input_names(self) -> list[str]:
        """Names of the columns of :meth:`inputs_of`."""
        return [*feature_names(), *(name for block in self.blocks for name in block.names)]

    def predict_from(self, sample_ids: pd.Series[str], inputs: npt.NDArray[np.floating]) -> pd.DataFrame:
        """:meth:`predict` where the inputs have been computed already."""
        ranks = self._trees.run(None, {"inputs": np.asarray(inputs, np.float64)})[0]
        scored = {
            name: student.scores_at(ranks[:, place]) for place, (name, student) in enumerate(self.students.items())
        }
        return pd.DataFrame({"sample_id": sample_ids.to_numpy(), **scored}, index=sample_ids.index)

    @cached_property
    def _trees(self) -> Any:
        """The trees in onnxruntime, which walks them half as fast again as LightGBM does, to the same sums."""
        from sie_agent.scorer.onnx.model import tree_model
        from sie_agent.scorer.onnx.runtime import open_session

        return open_session(tree_model(self.students, len(self.input_names) + 1), 1, "the scorer's trees")

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_trees"}


def with_score_quantiles(scorer: Scorer, scores: Mapping[str, Doubles]) -> Scorer:
    """The scorer with the quantiles of *scores*, by weak label (n,), of rows that its students had not seen."""
    quantiles = quantiles_of({name: scores[name] for name in scorer.students})
    return replace(scorer, score_quantiles=quantiles, score_rows=len(next(iter(scores.values()))))


def with_recipe(scorer: Scorer, recipe: Recipe) -> Scorer:
    """The scorer with a recipe, and in that the quantiles of this scorer: ranks are taken in them, one row at a time.

    Of the labels that weights are made of, the quantiles of their scores over the log, so that the mean weight is 1
    there; of ``relevance``, wherever it was distilled, the scores at evenly spaced ranks of the judged answers.

    Raises
    ------
    InputError : the recipe reads a weak label that the scorer does not know.
    """
    return replace(scorer, recipe=made_ready(recipe, scorer.students, scorer.score_quantiles))


def made_ready(recipe: Recipe, students: Mapping[str, Student], score_quantiles: Mapping[str, Doubles]) -> Recipe:
    """:func:`with_recipe` for students that are in no scorer yet; *score_quantiles* by weak label, evenly spaced."""
    quantiles: dict[str, tuple[float, ...]] = {}
    for name in score_quantiles.keys() & {recipe.by, PERSONAL if recipe.preference else None}:
        quantiles[name] = tuple(np.asarray(score_quantiles[name], np.float64).tolist())
    if RELEVANCE in students:
        quantiles[RELEVANCE] = tuple(students[RELEVANCE].knots.tolist())
    for name in recipe.reads:
        if name not in quantiles:
            raise InputError(
                f"the recipe reads '{name}', which the scorer does not know",
                hint=f"Choose among {', '.join(label_names(students))}.",
            )
    return replace(recipe, quantiles=quantiles)


def quantiles_of(scores: Mapping[str, Doubles]) -> dict[str, Doubles]:
    """Evenly spaced quantiles (101) of scores, by weak label."""
    return {name: np.quantile(values, np.linspace(0, 1, QUANTILES)) for name, values in scores.items()}


def student_inputs(features: npt.NDArray[np.floating], label: pd.Series[float] | Doubles) -> Floats:
    """(n, d + 1): text features and the log's label, NaN where the log has none."""
    return np.column_stack([features, np.asarray(label, np.float32)]).astype(np.float32)


def distill_scorer(
    samples: pd.DataFrame,
    labels: pd.DataFrame,
    *,
    features: TextFeatures | None = None,
    inputs: str | Sequence[str] = TEXT_INPUTS,
    settings: StudentSettings | Mapping[str, StudentSettings] | None = None,
    seed: int = 0,
    about: Mapping[str, Any] | None = None,
    recipe: Recipe | None = None,
    told: Callable[[str], None] | None = None,
) -> Scorer:
    """Distill a scorer from weak labels.

    Parameters
    ----------
    samples : the samples table; labels : ``sample_id`` and one column per weak label, for some of the samples.
    features : fitted text features; fitted on *samples* when not given.
    inputs : what the scorer reads: ``text``, and with commas between ``embedding`` (or ``embedding:MODEL``) and
        ``behaviour``, see :func:`sie_agent.scorer.fit_blocks`.
    settings : of the students, of all or by weak label; :func:`sie_agent.labels.student_settings` where not given.
    recipe : how scores become targets and weights; its quantiles are taken from the scorer, see :func:`with_recipe`.
    told : called with a line of text as each step begins; nothing is said where it is None.
    seed : of the trees. about : facts to keep with the scorer.

    Returns
    -------
    The scorer, with the quantiles of its scores of rows that its students had not seen.

    Raises
    ------
    InputError : fewer than two samples have a weak label, no weak label is given for two of them, the recipe reads
        one that is not, or the samples lack what the *inputs* read.

    Examples
    --------
    >>> import sie_agent as sie
    >>> samples = sie.load_samples("sample", limit=200)
    >>> labels = samples[["sample_id"]].assign(value=samples["grade"])
    >>> sie.distill_scorer(samples, labels)
    Scorer(labels=['value'], rows=200)
    """
    check_samples(samples)
    names = label_names()
    given = dict.fromkeys(names, settings) if isinstance(settings, StudentSettings) else dict(settings or {})
    chosen = {name: given.get(name, student_settings(name)) for name in names}
    say = told or (lambda line: None)
    if features is None:
        say(f"computing text features of {counted(len(samples), 'row')}")
    fitted = features or TextFeatures.fit(samples)
    blocks = fit_blocks(samples, inputs)
    known = labels.set_index("sample_id")
    rows = samples[samples["sample_id"].isin(known.index)]
    if len(rows) < 2:
        raise InputError(
            f"{len(rows)} of the samples have a weak label; at least 2 are needed",
            hint="Check that the judgments belong to this data set.",
        )
    read = student_inputs(row_inputs(fitted.transform(rows), blocks, rows), rows["label"])
    wanted = known.reindex(columns=names).loc[rows["sample_id"]]
    students, unseen = {}, {}
    for name in names:
        target = wanted[name].to_numpy(np.float64)
        count = int((~np.isnan(target)).sum())
        if count >= 2:
            trees = counted(chosen[name].trees, "tree")
            say(f"fitting '{name}' on {counted(count, 'row')}: {trees}, {FOLDS + 1} times")
            reads, ends = WEAK_LABELS[name].reads_label, WEAK_LABELS[name].ends
            students[name] = fit_student(read, target, chosen[name], seed, reads_label=reads, ends=ends)
            unseen[name] = cross_fitted(read, target, rows["query"], chosen[name], seed, reads_label=reads, ends=ends)
    if not students:
        raise InputError(
            f"none of {', '.join(names)} is given for two rows or more", hint="Give at least one weak label."
        )
    described = {
        "settings": {name: asdict(chosen[name]) for name in students},
        "seed": seed,
        "n_samples": len(rows),
        **(about or {}),
    }
    scorer = with_score_quantiles(Scorer(fitted, students, described, blocks=blocks), unseen)
    return scorer if recipe is None else with_recipe(scorer, recipe)


def cross_fitted(
    inputs: Floats,
    target: Doubles,
    queries: pd.Series[str],
    settings: StudentSettings,
    seed: int,
    *,
    reads_label: bool = True,
    ends: Ends | None = None,
) -> Doubles:
    """Scores of each row by a student that saw none of its query's rows, (n,); parameters as :func:`fit_student`.

    A student is surer of the rows it was fitted on: live scores compared with those would look as if the market had
    shifted.
    """
    folds = pd.util.hash_array(queries.to_numpy(dtype=object), categorize=True) % FOLDS
    scores = np.full(len(target), np.nan)

    def fitted(rows: Booleans) -> Student:
        return fit_student(inputs[rows], target[rows], settings, seed, reads_label=reads_label, ends=ends)

    for fold in range(FOLDS):
        held_out = folds == fold
        known = ~held_out & ~np.isnan(target)
        if held_out.any() and known.sum() >= 2:
            scores[held_out] = fitted(known).predict(inputs[held_out])
    seen = np.isnan(scores)
    if seen.any():
        scores[seen] = fitted(~np.isnan(target)).predict(inputs[seen])
    return scores
