"""The bench in words: ways to train, gains in points, what a data set can teach, which recipes were chosen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sie_agent.downstream import BASELINES, BENCH_METRICS, WITHIN, recipe_name
from sie_agent.report import pick
from sie_agent.report.number_words import ABSENT, is_gain, is_loss, percent, points
from sie_agent.results import Agreement, Downstream, RecipeCount, Verdict
from sie_agent.selection import Recipe

# by verdict: what tables say of it, and its look
SHORT = {
    "use": ("Use target and weights", "good", "✓"),
    "simpler": ("Something simpler does as well", "bad", "✕"),
    "log loses nothing": ("Your log loses nothing", "fair", "="),
    "cannot tell": ("This set cannot tell", "open", "?"),
    "unknown": ("Unknown", "open", "?"),
}
# what the page opens with
TITLES = {
    "use": "Train with these weights",
    "simpler": "Do not train with these weights: something simpler does as well",
    "log loses nothing": "Train on your log as it is",
    "cannot tell": "These data cannot tell whether weights help",
    "unknown": "Whether weights help is not known yet",
}
NOW = {
    "use": "Now: write the weights with the command below, and look at the rows that are most likely wrong.",
    "simpler": "Now: train on the log as it is, or use the simpler method. Look at the rows below either way.",
    "log loses nothing": "Now: train on the log. Still look at the rows below: individual labels can be wrong.",
    "cannot tell": "Now: leave the log as it is, look at the rows below, and grade more queries to find out.",
    "unknown": "Now: look at the rows below, and grade the queries that “What to do next” names.",
}


def verdict_words(verdict: Verdict, *, short: bool = False) -> str:
    """A verdict in one line; it says "better" if something simpler is certainly ahead."""
    use = verdict.use if verdict.use in TITLES else "unknown"
    told = SHORT[use][0] if short else TITLES[use]
    better = verdict.use == "simpler" and any(is_loss(one) for one in verdict.against)
    return told.replace("as well", "better") if better else told


def metric_words(metric: str) -> str:
    """The name of a metric for people."""
    return BENCH_METRICS[metric].title if metric in BENCH_METRICS else metric


def way_name(row: Downstream) -> str:
    """A way to train beside the ways of the same judge."""
    if row.twin:
        return f"twin: {row.strategy}"
    return row.strategy if row.judge or row.strategy in BASELINES else f"text: {row.strategy}"


def recipe_words(use: str, recipe: Recipe | None, chosen: Sequence[RecipeCount]) -> tuple[str, str]:
    """What the run's scorer gives to a trainer, and why; empty if the run does not say.

    Parameters
    ----------
    chosen : what `auto` chose in the test with the same judge.
    """
    if recipe is None:
        return "", ""
    if use == "simpler":
        kept = "leaves the log as it is" if recipe.is_log else f"would give {recipe.words}"
        return "Do not train by this judge's scorer.", f"It {kept}."
    if use not in ("use", "unknown"):
        kept = "just that" if recipe.is_log else recipe.words
        return "Leave targets and weights as the log has them.", f"The scorer of this run gives {kept}."
    told = f"Train on {'the log as it is' if recipe.is_log else recipe.words}."
    why = f"{recipe.why[:1].upper()}{recipe.why[1:]}." if recipe.why else ""
    if chosen and max(chosen, key=lambda one: one.count).recipe != recipe_name(recipe):
        why += f" The test reached its verdict with another recipe, which “auto” chose there: {chosen_words(chosen)}."
    return told, why.strip()


def teaches_words(agreement: Agreement) -> str:
    """What human grades as labels gain within queries, which is the most that a judge can be shown to gain."""
    found = pick.taught(agreement)
    if found is None:
        return ""
    over_log, over_text = found.clean_minus_log, found.clean_minus_text
    told = f"What this set can teach: human grades in place of the log's labels gain {points(over_log)} points "
    told += f"{metric_words(WITHIN)} over the log"
    if found.best_text is not None:
        told += f", and {points(over_text)} points over the best text score, {found.best_text}"
    if all(is_gain(one) for one in (over_log, over_text) if one is not None):
        return f"{told}. Both differences are certain, so there is room to tell good labels from bad ones."
    return f"{told}. Where an interval includes zero, that comparison cannot tell one judge from another."


def twins_words(agreement: Agreement) -> str:
    """How the twins were made; empty without twins."""
    twins = [(judge, twin) for draw in agreement.twins for judge, twin in draw.items()]
    covered = [twin.covered for _, twin in twins if twin.covered is not None]
    if not covered:
        return ""
    told = (
        "In a twin, answers keep their order only among rows of the same query and grade; at least "
        f"{percent(min(covered))} of the rows have two others to be ordered among."
    )
    coarse = ", ".join(dict.fromkeys(judge for judge, twin in twins if twin.cells == "relevant"))
    if not coarse:
        return told
    return (
        f"{told} For {coarse} grades were too fine for that: there, rows are relevant or not, and the twin still knows "
        "which of two relevant rows is better."
    )


def chosen_words(choices: Iterable[RecipeCount]) -> str:
    """Recipes by how often they were chosen: ``blend 0.6 (3 of 5), log (2 of 5)``."""
    ordered = sorted(choices, key=lambda one: -one.count)
    return ", ".join(f"{one.recipe} ({one.count} of {one.of})" for one in ordered) or ABSENT
