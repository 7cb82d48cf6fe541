"""``sie weights``: a weight and a blended label for every row, for a trainer that takes both."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sie_agent.commands.verb import OUT_FILE, Option, Verb
from sie_agent.commands.words import number
from sie_agent.files.paths import user_path
from sie_agent.utils.counts import counted
from sie_agent.utils.progress import say
from sie_agent.utils.values import check_values

OF_RECIPE = ("by", "strength", "blend", "preference", "level", "mean_label", "chosen", "why")
SIDES = ("positives", "negatives")
# mean weight of positives by that of negatives: below it, a trainer hardly sees what the log was about
FEWEST = 0.5
DIGITS = 6
PAIRS = (
    "A row is a pair of query and item, which stands for {} impressions on average: train on one row per pair with its "
    "weight as it is. To train on raw impressions, join by query and item (see docs/start/your-own-log.md) and give "
    "each the weight and blended label of its pair"
)


def weights(
    scores: str | Path,
    out: str | Path,
    *,
    by: str | None = None,
    strength: float | None = None,
    blend: float | None = None,
    preference: float | None = None,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Give every row of a scores file a weight and a blended label, for a trainer that takes both.

    Writes ``sample_id, weight, blended_label`` in the order of the scores. The recipe in the scores file says how:
    weights of mean 1 over the log, made of one weak label, and the log's label blended with the judge's relevance.
    Memory does not grow with the file.

    Parameters
    ----------
    scores : File that ``sie score`` wrote.
    out : Parquet file to write.
    by : ``auto``, or nothing: as the recipe in the scores file says; ``none``: every weight is 1; or one of the weak
        labels.
    strength : How far weights spread around 1, at least 0; otherwise as the recipe says.
    blend : The judge's share of the label, 0 to 1; otherwise as the recipe says.
    preference : How far a weight is moved by whether the row's shopper backs its label, 0 to 1; otherwise as the recipe
        says, which is not at all unless `sie distill` was told. The scores need the column ``preference_support``.
    overwrite : Replace what other work left at *out*.

    Returns
    -------
    ``weights`` (path), ``recipe`` (in words), ``by, strength, blend, preference, level, mean_label``, ``chosen``
    (``tuned``, ``rule``, ``log`` or ``given``) and ``why``, ``rows``, ``unscored`` (they lack a score that the recipe
    reads),
    ``impressions`` (that the rows stand for; None where the file does not say),
    ``smallest, largest, mean_weight``, ``mean_weight_positives`` (Σ y·w / Σ y), ``mean_weight_negatives``
    (Σ (1 - y)·w / Σ (1 - y)) and ``warning`` (None, or what is wrong with these).

    Raises
    ------
    InputError : the file has no recipe and none is given, the file, a column or a part of the recipe is wrong, or
        *out* is the scores file or holds what other work left.
    EnvironmentFailure : the result cannot be written, or another process writes it.

    Examples
    --------
    >>> import sie_agent as sie
    >>> result = sie.weights("runs/scores.parquet", "weights.parquet", by="value", strength=0.5, blend=0.6)
    >>> result["weights"], result["rows"]
    ('weights.parquet', 1700)
    """
    from sie_agent.outputs import File, Work, outputs
    from sie_agent.selection import check_scores_file, weigh_file

    check_values(scores=scores, by=by, strength=strength, blend=blend, preference=preference)
    check_scores_file(user_path(scores))
    place = File("--out", out, ".parquet")
    settings = {"--by": by, "--strength": strength, "--blend": blend}
    settings |= {} if preference is None else {"--preference": preference}
    with outputs(Work("weights", {"--scores": scores}, settings), place, overwrite=overwrite):
        target = place.path
        recipe, found = weigh_file(user_path(scores), target, by, strength, blend, preference)
    if not found["labelled"]:
        say(f"{scores}: no column label, so blended_label is what the scorer alone says; score the log again for it")
    figures = {"smallest": found["smallest"], "largest": found["largest"], "mean_weight": found["mean"]}
    figures |= {f"mean_weight_{side}": found[f"mean_of_{side}"] for side in SIDES}
    figures = {name: None if figure is None else round(figure, DIGITS) for name, figure in figures.items()}
    positives, negatives = figures["mean_weight_positives"], figures["mean_weight_negatives"]
    warning = warning_of(positives, negatives)
    if warning is not None:
        say(f"Warning: {warning}")
    return {
        "weights": str(target),
        "recipe": recipe.words,
        **{name: getattr(recipe, name) for name in OF_RECIPE},
        **{name: found[name] for name in ("rows", "unscored", "impressions")},
        **figures,
        "warning": warning,
        "exit_code": 0,
    }


def warning_of(positives: float | None, negatives: float | None) -> str | None:
    """What is wrong with mean weights of positive and negative rows, if anything is."""
    if positives is None or negatives is None or positives >= FEWEST * negatives:
        return None
    return (
        f"positives weigh {positives:.3f} on average and negatives {negatives:.3f}: a trainer would lose what the log "
        "says of positives. Give a lower --strength, another --by, or --by none"
    )


def lines(result: dict[str, Any]) -> Iterator[str]:
    """The result as it is printed."""
    yield f"{counted(result['rows'], 'row')}, each with a weight and a blended label: {result['weights']}"
    changed = max(result["blend"], result["preference"]) > 0 or (result["by"] is not None and result["strength"] > 0)
    if not changed and result["chosen"] != "given":
        yield "Nothing better than the log as it is was shown: blended_label is the log's label and every weight is 1"
    else:
        yield f"Recipe: {result['recipe']} (chosen: {result['chosen']})"
    if result["why"]:
        yield f"Why: {result['why']}"
    means = [number(result[f"mean_weight_{side}"]) for side in SIDES]
    span = f"from {number(result['smallest'])} to {number(result['largest'])}"
    yield f"Weights: {span}; mean {means[0]} of positives, {means[1]} of others"
    if result["impressions"] is not None:
        yield PAIRS.format(number(result["impressions"] / result["rows"], 1))
    if result["unscored"]:
        rows = counted(result["unscored"], "row")
        yield f"Without a score, and so of weight 1 or with the log's label alone: {rows}"


VERB = Verb(
    weights,
    lines,
    examples=(
        "sie weights --scores scores.parquet --out weights.parquet",
        "sie weights --scores scores.parquet --by value --strength 0.5 --blend 0.6 --out weights.parquet",
        "sie weights --scores scores.parquet --preference 0.25 --out weights.parquet",
    ),
    options={"out": OUT_FILE, "by": Option(default="auto")},
)
