"""The recipe: how the scores of a row become a target and a weight for a trainer.

A recipe reads one row at a time, so the bulk verbs and the service give a row the same target and weight.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from operator import gt
from typing import Any

import numpy as np

from sie_agent.errors import InputError
from sie_agent.files.json_files import parse_json
from sie_agent.labels import WEAK_LABELS
from sie_agent.selection.ranks import ranks_in_quantiles
from sie_agent.utils.arrays import Doubles
from sie_agent.utils.shown import shown
from sie_agent.utils.signatures import checked

RELEVANCE, PREFERENCE = "relevance", "preference"
# what the shopper's part of a weight is made of
PERSONAL = "preference_support"
# a row that does not fit its shopper is still a row of the log
FLOOR = 0.1
# the mean that labels are brought to before the judge's ranks, whose mean is a half, are mixed in
LEVEL = 0.25
# of the recipe in the metadata of a scores file
KEY = b"sie.recipe"
CHOSEN = ("tuned", "rule", "log", "given")
# what a file from elsewhere may hold
MOST_QUANTILES, LARGEST, SMALLEST_MEAN, LONGEST_WHY = 10_001, 1e100, 1e-9, 1_000


@dataclass(frozen=True)
class Recipe:
    """What a trainer is given for a row.

    Attributes
    ----------
    blend : λ in [0, 1], the judge's share of the target: 0 is the log as it is, 1 is training on the judge.
    by : the weak label that weights are made of; None: every weight is 1.
    strength : a of the weight's formula, at least 0. level : q, the mean that the log's labels are brought to.
    mean_label : mean label of the log.
    preference : s, how far the weight is moved by whether the shopper backs the label: by ``preference_support``; 0
        where it is not.
    quantiles : by weak label, evenly spaced quantiles of its scores: of *by* and of ``preference_support`` over the
        log, and of the distilled relevance over the judged answers.
    chosen : how it was chosen: ``tuned`` on graded queries; by the ``rule`` for logs without grades; the ``log`` as it
        is, since nothing better was shown; or ``given`` by the user. why : the same in a sentence.

    Examples
    --------
    >>> import sie_agent as sie
    >>> recipe = sie.load_scorer("runs/scorer").recipe
    >>> recipe.words
    "the log's own labels, every weight 1"
    >>> sie.Recipe(blend=0.6, by="value", strength=0.5, chosen="given")
    Recipe(blend=0.6, by='value', strength=0.5, chosen='given')
    """

    blend: float = 0.0
    by: str | None = None
    strength: float = 0.0
    level: float = LEVEL
    mean_label: float = LEVEL
    quantiles: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    chosen: str = "log"
    why: str = ""
    preference: float = 0.0

    def __repr__(self) -> str:
        personal = {"preference": self.preference} if self.preference else {}
        return shown(self, blend=self.blend, by=self.by, strength=self.strength, chosen=self.chosen, **personal)

    @property
    def is_log(self) -> bool:
        """Whether target and weight are the log's own."""
        return self.blend == 0 and not self.weighs

    @property
    def weighs(self) -> bool:
        """Whether weights differ from 1."""
        return (self.by is not None and self.strength > 0) or self.preference > 0

    @property
    def reads(self) -> tuple[str, ...]:
        """The weak labels that it reads."""
        wanted = [self.by] if self.by is not None and self.strength > 0 else []
        wanted += [PERSONAL] if self.preference > 0 else []
        return tuple(dict.fromkeys([*wanted, *([RELEVANCE] if self.blend > 0 else [])]))

    @checked
    def weights(self, scores: Mapping[str, Doubles], count: int) -> Doubles:
        """w = clip(1 + a · (rank - 0.5) · 2, 0, 2) of each row, (count,); 1 where there is no score.

        The rank is that among the quantiles of the log's scores, so the mean over the log is 1: the formula is
        symmetric about a rank of a half. With a strength s for the shopper's preference, s · (rank of
        ``preference_support`` - 0.5) · 2 is added, and the weight stays at 0.1 or more. A sum and no product: the mean
        over the log is 1 however the two go together, as long as a + s is at most 0.9, and both parts of a weight can
        be told.

        Parameters
        ----------
        scores : (count,) scores by weak label, those that it reads. count : of rows.

        Returns
        -------
        (count,) weights from 0 to 2.
        """
        total = np.ones(count)
        for more in self.parts(scores).values():
            total = total + more
        return self.clipped(total)

    def parts(self, scores: Mapping[str, Doubles]) -> dict[str, Doubles]:
        """What each weak label adds to a weight of 1, (n,) by name; 0 where there is no score."""
        found = {}
        if self.by is not None and self.strength > 0:
            ranks = self.ranks(self.by, scores[self.by])
            found[self.by] = added(ranks, self.strength, higher=WEAK_LABELS[self.by].high_is_good)
        if self.preference > 0:
            more = added(self.ranks(PERSONAL, scores[PERSONAL]), self.preference, higher=True)
            found[PERSONAL] = found[PERSONAL] + more if PERSONAL in found else more
        return found

    def clipped(self, weights: Doubles) -> Doubles:
        """Weights within what the recipe allows, (n,)."""
        return np.asarray(np.clip(weights, FLOOR if self.preference > 0 else 0.0, 2.0))

    @checked
    def targets(self, scores: Mapping[str, Doubles], label: Doubles) -> Doubles:
        """clip((1 - λ)·q·y/ȳ + λ·ρ, 0, 1) of each row, (n,): the blended label.

        ρ is the rank of the distilled relevance among the judged answers. Without a blend it is the log's own label,
        NaN where the log has none. With one, a row without a label gets ρ, one without a score its label; NaN where it
        has neither.

        Parameters
        ----------
        scores : (n,) scores by weak label, those that it reads. label : (n,) the log's, 0 to 1 or NaN.

        Returns
        -------
        (n,) targets.

        Raises
        ------
        InputError : a label is outside 0 to 1.
        """
        label = np.asarray(label, np.float64)
        outside = (label < 0) | (label > 1)
        if outside.any():
            row = int(np.argmax(outside))
            raise InputError(
                f"the label must be between 0 and 1, found {label[row]:g}",
                where="field 'label'",
                hint="Scale it, or leave it empty where it is not known.",
            )
        if self.blend == 0:
            return label
        ranks = self.ranks(RELEVANCE, scores[RELEVANCE])
        blended = blended_label(label, ranks, self.blend, level=self.level, mean_label=self.mean_label)
        return np.where(np.isnan(label), ranks, np.where(np.isnan(ranks), label, blended))

    @checked
    def ranks(self, name: str, scores: Doubles) -> Doubles:
        """Rank of each score in the quantiles of a weak label, (n,) in [0, 1], NaN where there is no score."""
        scores = np.asarray(scores, np.float64)
        if name not in self.quantiles:
            raise InputError(f"the recipe has no quantiles of '{name}'", hint="Distill the scorer again.")
        found = np.full(len(scores), np.nan)
        known = ~np.isnan(scores)
        found[known] = ranks_in_quantiles(scores[known], np.asarray(self.quantiles[name], np.float64))
        return found

    @property
    def words(self) -> str:
        """What it does, in a sentence."""
        if self.is_log:
            return "the log's own labels, every weight 1"
        target = "the log's own labels"
        if self.blend > 0:
            target = f"labels blended with the judge's relevance (λ = {self.blend:g})"
        if not self.weighs:
            return f"{target}, every weight 1"
        named = [(self.by, self.strength), ("the shopper's preference", self.preference)]
        by = [f"{name} of strength {strength:g}" for name, strength in named if name and strength > 0]
        return f"{target}, weights by {' and '.join(by)}"

    def as_config(self) -> dict[str, Any]:
        """The recipe as files hold it; without a preference, as they held it before there was one."""
        found = asdict(self)
        return found if self.preference else {name: value for name, value in found.items() if name != PREFERENCE}

    def to_json(self) -> str:
        """The recipe as a line of JSON; all of its numbers are finite."""
        return json.dumps(self.as_config(), sort_keys=True, allow_nan=False)


def weights_of(ranks: Doubles, strength: float, *, higher: bool) -> Doubles:
    """clip(1 + a · (rank - 0.5) · 2, 0, 2) of ranks in [0, 1], (n,); 1 for a rank that is not known."""
    return np.asarray(np.clip(1 + added(ranks, strength, higher=higher), 0.0, 2.0))


def added(ranks: Doubles, strength: float, *, higher: bool) -> Doubles:
    """a · (rank - 0.5) · 2 of ranks in [0, 1], (n,): what a score adds to a weight of 1; 0 for an unknown rank."""
    turned = ranks if higher else 1 - ranks
    return np.asarray(np.where(np.isnan(ranks), 0.0, strength * (turned - 0.5) * 2))


def blended_label(
    label: Doubles, ranks: Doubles, blend: float, *, level: float = LEVEL, mean_label: float | None = None
) -> Doubles:
    """clip((1 - λ)·q·y/ȳ + λ·ρ, 0, 1), (n,).

    Parameters
    ----------
    label : (n,) what the log says; ranks : (n,) ρ in (0, 1). blend : λ; level : q; mean_label : ȳ, that of *label*
        where it is not given.
    """
    mean = float(np.mean(label)) if mean_label is None else mean_label
    scaled = label * (level / mean) if mean > 0 else label
    return np.asarray(np.clip((1 - blend) * scaled + blend * ranks, 0, 1))


def read_recipe(content: Any, where: str) -> Recipe:
    """A recipe from what a file holds (JSON text, or what it decodes to), checked.

    Raises
    ------
    InputError : it is not a recipe, or damaged; names the field.
    """
    hint = "Distill the scorer again with `sie distill`."
    try:
        text = str(content, "utf-8") if isinstance(content, bytes) else content
        told = parse_json(text) if isinstance(text, str) else text
    except ValueError as error:
        raise InputError("the recipe is damaged: not JSON", where=where, hint=hint) from error
    try:
        if not isinstance(told, dict):
            raise InputError("it must be a mapping of fields")
        # files from before there was a preference do not name it
        told = {PREFERENCE: 0.0, **told}
        known = {field.name for field in fields(Recipe)}
        for name in known - told.keys():
            raise InputError(f"'{name}' is missing")
        for name in told.keys() - known:
            raise InputError(f"unknown field '{str(name)[:40]}'")
        recipe = Recipe(**{**told, "quantiles": quantiles_in(told["quantiles"])})
        check_recipe(recipe)
    except InputError as error:
        raise InputError(f"the recipe is damaged: {error.problem}", where=where, hint=hint) from error
    return recipe


def quantiles_in(told: Any) -> dict[str, tuple[float, ...]]:
    """The quantiles of a recipe as a file holds them.

    Raises
    ------
    InputError : they are not lists of rising numbers, by name of a weak label, or are too many.
    """
    if not isinstance(told, dict):
        raise InputError("'quantiles' must be a mapping")
    for name in told:
        if name not in WEAK_LABELS:
            raise InputError(f"quantiles of '{str(name)[:40]}', which is not a weak label")
    return {name: rising(values, f"quantiles of '{name}'") for name, values in told.items()}


def rising(values: Any, what: str) -> tuple[float, ...]:
    """Quantiles as a file holds them, checked; *what* they are, for messages.

    Raises
    ------
    InputError : they are not a list of rising numbers, or are too many.
    """
    if not isinstance(values, list | tuple) or not 2 <= len(values) <= MOST_QUANTILES:
        raise InputError(f"the {what} must be a list of 2 to {MOST_QUANTILES:,} numbers")
    if not all(is_number(value) for value in values) or any(map(gt, values, values[1:])):
        raise InputError(f"the {what} are not a rising row of numbers")
    return tuple(float(value) for value in values)


def is_number(value: Any) -> bool:
    """Whether a value is a finite number of a usual size; booleans are not."""
    return type(value) in (int, float) and abs(value) <= LARGEST


def check_recipe(recipe: Recipe) -> None:
    """Raise InputError where a part of a recipe is not as it must be."""
    numbers = {"blend": (0.0, 1.0), "strength": (0.0, math.inf), "level": (0.0, 1.0), "mean_label": (0.0, 1.0)}
    numbers[PREFERENCE] = (0.0, 1.0)
    for name, (low, high) in numbers.items():
        value = getattr(recipe, name)
        if not is_number(value) or not low <= value <= high:
            allowed = f"from {low:g} to {high:g}" if math.isfinite(high) else f"a number, {low:g} or more"
            raise InputError(f"{name} is {value!r:.40}", hint=f"It must be {allowed}.")
    if 0 < recipe.mean_label < SMALLEST_MEAN:
        raise InputError(f"mean_label is {recipe.mean_label!r}", hint=f"It must be 0, or {SMALLEST_MEAN:g} or more.")
    if recipe.by is not None and (not isinstance(recipe.by, str) or recipe.by not in WEAK_LABELS):
        raise InputError(f"no weak label {recipe.by!r:.40}", hint=f"Choose one of {', '.join(WEAK_LABELS)}.")
    if recipe.chosen not in CHOSEN:
        raise InputError(f"chosen is {recipe.chosen!r:.40}", hint=f"It must be one of {', '.join(CHOSEN)}.")
    if not isinstance(recipe.why, str) or len(recipe.why) > LONGEST_WHY or not recipe.why.isprintable():
        raise InputError(f"why must be one line of at most {LONGEST_WHY:,} printable characters")
    for name, values in recipe.quantiles.items():
        if len(values) < 2 or not np.isfinite(values).all() or (np.diff(values) < 0).any():
            raise InputError(f"the quantiles of '{name}' are not a rising row of numbers")


def recipe_metadata(recipe: Recipe | None) -> dict[bytes, bytes]:
    """What a scores file keeps of a recipe in its schema."""
    return {} if recipe is None else {KEY: recipe.to_json().encode()}
