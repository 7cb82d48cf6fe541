"""The scorer as a scikit-learn estimator: ``fit``, ``predict``, ``score``, and weights for another trainer."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd
from sklearn.utils.metadata_routing import UNUSED
from sklearn.utils.validation import check_is_fitted, check_random_state

from sie_agent.errors import InputError
from sie_agent.labels import WEAK_LABELS, StudentSettings, label_names, student_settings
from sie_agent.scorer.estimator_inputs import BOUNDS, Samples, named_labels, prepared, rank_agreement, remembered, tell
from sie_agent.scorer.files import load_scorer, save_scorer
from sie_agent.scorer.model import Scorer, distill_scorer
from sie_agent.selection import check_strength, usual_label, weights_from
from sie_agent.utils.arrays import Doubles
from sie_agent.utils.counts import counted
from sie_agent.utils.python_words import parameters_named
from sie_agent.utils.signatures import checked

if TYPE_CHECKING:
    # scikit-learn ships no types, and a class may not be derived from Any
    class BaseEstimator: ...

    class RegressorMixin:
        def __sklearn_tags__(self) -> Any: ...

        def __repr__(self, N_CHAR_MAX: int = 700) -> str: ...
else:
    from sklearn.base import BaseEstimator, RegressorMixin


class ImportanceScorer(RegressorMixin, BaseEstimator):
    """Weak importance labels from the text of a row and the log's label.

    A wrapper around :func:`sie_agent.distill_scorer`: rows are a table (or a list of dictionaries) with the columns
    ``query`` and ``title``, and where there are any ``description`` and ``label`` (what the log says, 0 to 1 or
    NaN). Other columns, a human ``grade`` among them, are not read. A row's scores depend on that row alone.

    Parameters
    ----------
    label : the weak label to predict, a name in :data:`sie_agent.labels.WEAK_LABELS`; None for all that were fitted.
    trees, leaves, learning_rate, rows_per_leaf, feature_share : as in :class:`sie_agent.labels.StudentSettings`; None
        for the default of the weak label, :func:`sie_agent.labels.student_settings`.
    random_state : seed (or a ``numpy.random.RandomState``) of the trees; None draws one.
    verbose : whether :meth:`fit` says on standard error what it does, a line for the features and for each weak
        label; off by default, as everywhere in scikit-learn.

    Attributes
    ----------
    scorer_ : the fitted :class:`sie_agent.Scorer`.
    labels_ : names of the weak labels that were fitted.
    feature_names_in_, n_features_in_ : the columns that were read, and how many.

    Examples
    --------
    >>> import sie_agent as sie
    >>> samples = sie.load_samples("sample", limit=300)
    >>> estimator = sie.ImportanceScorer("value", trees=5).fit(samples, samples["grade"])
    >>> estimator.predict(samples).shape
    (300,)
    """

    # samples and labels are X and y, not metadata that a meta-estimator could be asked to route
    __metadata_request__fit: ClassVar[dict[str, str]] = {"samples": UNUSED, "labels": UNUSED}
    __metadata_request__predict: ClassVar[dict[str, str]] = {"samples": UNUSED}
    __metadata_request__score: ClassVar[dict[str, str]] = {"samples": UNUSED, "labels": UNUSED}

    def __init__(
        self,
        label: str | None = None,
        *,
        trees: int | None = None,
        leaves: int | None = None,
        learning_rate: float | None = None,
        rows_per_leaf: int | None = None,
        feature_share: float | None = None,
        random_state: Any = 0,
        verbose: bool | int = False,
    ) -> None:
        self.label = label
        self.trees = trees
        self.leaves = leaves
        self.learning_rate = learning_rate
        self.rows_per_leaf = rows_per_leaf
        self.feature_share = feature_share
        self.random_state = random_state
        self.verbose = verbose

    def __repr__(self, N_CHAR_MAX: int = 700) -> str:
        """As scikit-learn shows it; once fitted, with what it was fitted on."""
        shown = str(super().__repr__(N_CHAR_MAX))
        scorer = getattr(self, "scorer_", None)
        if scorer is None:
            return shown
        rows = scorer.about.get("n_samples")
        on = "" if rows is None else f" on {counted(rows, 'row')}"
        return f"{shown} fitted{on} for {', '.join(self.labels_)}"

    def fit(self, samples: Samples, labels: Any) -> ImportanceScorer:
        """Distill the weak labels.

        Parameters
        ----------
        samples : (n) rows, see the class.
        labels : (n,) one weak label, row by row: of the name of the series, else of the parameter ``label``, else
            ``value``. Or a table with columns named as weak labels, row by row (its index is not read), or by
            ``sample_id`` where both tables have that column. NaN: the row has no weak label.

        Returns
        -------
        The estimator itself.

        Raises
        ------
        InputError : a column is missing or wrong, rows and labels do not fit, fewer than two labels, a parameter.
        """
        settings = self._settings()
        table, read = prepared(samples)
        named = named_labels(labels, samples, len(table), self.label)
        enough = [name for name in label_names(named.columns) if named[name].notna().sum() >= 2]
        if not enough or (self.label is not None and self.label not in enough):
            raise InputError(
                "fewer than 2 rows have a weak label",
                where=f"labels, column '{self.label or named.columns[0]}'",
                hint="Give labels of at least 2 rows.",
            )
        seed = self.random_state
        if not isinstance(seed, int | np.integer):
            seed = check_random_state(seed).randint(np.iinfo(np.int32).max)
        self.scorer_: Scorer = distill_scorer(
            table,
            named[enough].assign(sample_id=table["sample_id"]),
            settings=settings,
            seed=int(seed),
            told=tell if self.verbose else None,
            about={"estimator": {"label": self.label, "columns": read, "settings": self._given()}},
        )
        self.labels_ = enough
        self._remember(read)
        return self

    def predict(self, samples: Samples) -> Doubles:
        """Predicted weak labels in their own unit: (n,) for one label, else (n, k) in the order of ``labels_``.

        Parameters
        ----------
        samples : (n) rows, see the class.

        Returns
        -------
        (n,) or (n, k) scores.

        Raises
        ------
        InputError : a column that was there in :meth:`fit` is missing, or the rows are wrong.
        sklearn.exceptions.NotFittedError : before :meth:`fit`.
        """
        chosen = [self.label] if self.label is not None else self._fitted()
        scores = self._scores(samples)[chosen].to_numpy(np.float64)
        return np.asarray(scores[:, 0] if len(chosen) == 1 else scores)

    def score(self, samples: Samples, labels: Any) -> float:
        """Rank agreement with weak labels: Spearman's correlation, the mean over labels where there are several.

        Ranks, because ranks are what weights and selections are made of. Rows without a label are left out; 0 where
        one side is constant. *labels* as in :meth:`fit`.

        Parameters
        ----------
        samples : (n) rows, see the class. labels : their weak labels, as in :meth:`fit`.

        Returns
        -------
        The correlation, from -1 to 1.
        """
        chosen = [self.label] if self.label is not None else self._fitted()
        named = named_labels(labels, samples, len(prepared(samples)[0]), chosen[0] if len(chosen) == 1 else None)
        shared = [name for name in chosen if name in named]
        if not shared:
            raise InputError("none of the labels was fitted", where="labels", hint=f"Give {', '.join(chosen)}.")
        scores = self._scores(samples)
        return float(np.mean([rank_agreement(scores[name].to_numpy(), named[name].to_numpy()) for name in shared]))

    def sample_weight(self, samples: Samples, strength: float = 1.0, by: str | None = None) -> Doubles:
        """Weights of mean 1, (n,), for the ``sample_weight`` of another trainer; see :func:`weights_from`.

        Weights are made of ranks within *samples*: give the whole training set at once.

        Parameters
        ----------
        strength : how far weights spread around 1; 0 leaves all at 1.
        by : the weak label; when not given ``label``, or the only one fitted, and where there are several that of the
            scorer's recipe, else ``value``. Which end of a label weighs more, its `high_is_good` says.
        samples : (n) rows, see the class.

        Returns
        -------
        (n,) weights.

        Raises
        ------
        InputError : the label was not fitted, or *strength* is negative.
        """
        fitted = self._fitted()
        with parameters_named(ImportanceScorer.sample_weight):
            check_strength(strength)
        chosen = by or self.label or usual_label(fitted, self.scorer_.recipe)
        if chosen not in fitted:
            raise InputError(f"'{chosen}' was not fitted", where="by", hint=f"Choose one of {', '.join(fitted)}.")
        column = self._scores(samples)[chosen].to_numpy(np.float64)
        return weights_from(column, strength, higher=WEAK_LABELS[chosen].high_is_good)

    @checked
    def save(self, folder: str | Path) -> None:
        """Write the scorer, as ``sie distill`` does: ``sie score`` and ``load_scorer`` read it too.

        Parameters
        ----------
        folder : to write into.
        """
        self._fitted()
        save_scorer(self.scorer_, folder)

    @classmethod
    @checked
    def load(cls, folder: str | Path) -> ImportanceScorer:
        """Read a scorer that :meth:`save`, ``sie distill`` or ``sie run`` wrote.

        Parameters
        ----------
        folder : of a scorer, or the folder of ``sie distill`` or ``sie run`` that holds it.

        Returns
        -------
        The estimator, fitted.

        Raises
        ------
        InputError : the folder is not a scorer, or is damaged.
        """
        scorer = load_scorer(folder)
        own = remembered(scorer.about.get("estimator"), list(scorer.students))
        seed = scorer.about.get("seed")
        loaded = cls(own["label"], random_state=seed if isinstance(seed, int) else 0, **own["settings"])
        loaded.scorer_ = scorer
        loaded.labels_ = list(label_names(scorer.students))
        loaded._remember(own["columns"])
        return loaded

    def __sklearn_tags__(self) -> Any:
        """Rows are records of text with gaps, not a matrix of numbers; labels may be several."""
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        tags.input_tags.allow_nan = True
        tags.target_tags.multi_output = True
        return tags

    def _given(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(StudentSettings)}

    def _settings(self) -> dict[str, StudentSettings]:
        chosen = {name: student_settings(name, **self._given()) for name in label_names()}
        settings = next(iter(chosen.values()))
        if self.label is not None and self.label not in chosen:
            hint = f"It must be None or one of {', '.join(chosen)}."
            raise InputError(f"label is {self.label!r}", where="ImportanceScorer", hint=hint)
        for name, (bound, holds) in BOUNDS.items():
            if not holds(getattr(settings, name)):
                problem = f"{name} is {getattr(self, name)!r}"
                raise InputError(problem, where="ImportanceScorer", hint=f"It must be {bound}.")
        return chosen

    def _remember(self, read: list[str]) -> None:
        self.feature_names_in_ = np.array(read, dtype=object)
        self.n_features_in_ = len(read)

    def _fitted(self) -> list[str]:
        check_is_fitted(self, "scorer_")
        return self.labels_

    def _scores(self, samples: Samples) -> pd.DataFrame:
        self._fitted()
        table, there = prepared(samples, self.scorer_.columns)
        missing = [name for name in self.feature_names_in_ if name not in there]
        if missing:
            raise InputError(
                f"the column '{missing[0]}' is missing, and the scorer was fitted with "
                f"{', '.join(self.feature_names_in_)}; there are: {', '.join(there)}",
                where="samples",
                hint="Give it, empty (NaN for the label) where it is not known.",
            )
        return self.scorer_.predict(table)
