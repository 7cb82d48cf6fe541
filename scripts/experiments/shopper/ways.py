"""What orders the items of a shopper: judges, their twins, what needs no judge, and scorers distilled from judges."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from scripts.experiments.shopper.world import Games, Rows, faded, other_shoppers, owned_items, words_of
from sie_agent.evaluation import simulate_judge
from sie_agent.features import TextFeatures
from sie_agent.labels import student_settings
from sie_agent.scorer import fit_student, student_inputs
from sie_agent.utils.arrays import Doubles, Floats, Integers

PLATFORMS = (
    *("xbox 360", "xbox one", "xbox", "playstation 2", "playstation 3", "playstation 4", "ps2", "ps3", "ps4", "psp"),
    *("vita", "3ds", "nintendo ds", "wii u", "wii", "switch", "gamecube", "game boy", "nintendo 64", "mac", "pc"),
)
SAME = {"ps2": "playstation 2", "ps3": "playstation 3", "ps4": "playstation 4"}
# of the judge that is told the truth and then made to err
SIMULATED = 0.80
SHARE_PRIOR = 2.0
TOGETHER = "bought together"


def cosine_judge(games: Games, shopper: Integers, item: Integers) -> Doubles:
    """MiniLM: the item's title against the faded mean of the history's titles, (n,)."""
    distinct, codes = np.unique(shopper, return_inverse=True)
    means = np.empty((len(distinct), games.vectors.shape[1]))
    for place, one in enumerate(distinct):
        last, weights = faded(games.histories[one])
        mean = weights @ games.vectors[last]
        means[place] = mean / np.linalg.norm(mean)
    return np.einsum("nd,nd->n", means[codes.ravel()], games.vectors[item])


def words_judge(games: Games, shopper: Integers, item: Integers) -> Doubles:
    """Share of the title's words that are in the titles of the history, by the weights of these, (n,)."""
    words = {int(one): set(words_of(games.titles[one])) for one in np.unique(item)}
    known: dict[int, dict[str, float]] = {}
    for one in np.unique(shopper).tolist():
        last, weights = faded(games.histories[one])
        found: dict[str, float] = {}
        for place, weight in zip(last.tolist(), weights.tolist(), strict=True):
            for word in words_of(games.titles[place]):
                found[word] = found.get(word, 0.0) + weight
        known[one] = found
    pairs = zip(shopper.tolist(), item.tolist(), strict=True)
    return np.array(
        [sum(known[one].get(w, 0.0) for w in words[it]) / max(len(words[it]), 1) for one, it in pairs], np.float64
    )


def bought_together(games: Games, rows: Rows) -> Doubles:
    """Item-item recommender (Sarwar 2001): faded mean cosine, by who bought both, of the item with the history, (n,).

    The next purchase is in no history; whether others have both is all that is read.
    """
    owned = owned_items(games)
    lengths = np.sqrt(np.maximum(np.asarray(owned.sum(axis=0)).ravel(), 1.0))
    table = (owned.T @ owned).tocsr()
    found = np.zeros(len(rows.item))
    for place, (one, item) in enumerate(zip(rows.shopper.tolist(), rows.item.tolist(), strict=True)):
        last, weights = faded(games.histories[one])
        start, end = table.indptr[item], table.indptr[item + 1]
        beside = dict(zip(table.indices[start:end].tolist(), table.data[start:end].tolist(), strict=True))
        shared = np.array([beside.get(other, 0.0) for other in last.tolist()])
        found[place] = float(weights @ (shared / (lengths[last] * lengths[item])))
    return found


def judges_of(games: Games, rows: Rows, seed: int) -> dict[str, Doubles]:
    """Answers of every judge to every row, (n,) each; none but the simulated one has seen a label."""
    strangers = other_shoppers(rows, 3_000 + seed)
    simulated = simulate_judge(rows.label, SIMULATED, 0.5, 4_000 + seed)
    return {
        "minilm": cosine_judge(games, rows.shopper, rows.item),
        "minilm's twin": cosine_judge(games, strangers, rows.item),
        "words": words_judge(games, rows.shopper, rows.item),
        f"simulated {SIMULATED:.2f}": simulated,
        "random judge": np.random.default_rng(5_000 + seed).random(len(rows.label)),
    }


def behaviour_of(games: Games, rows: Rows) -> Floats:
    """What order alone tells of a shopper and an item, (n, 6): no times are in this log.

    Items bought; smoothed share of the item's platform and of its first word (mostly the series or the maker) among
    them; whether the last item had either; and how long ago, in items, the platform was last bought.
    """
    platforms = [platform_of(title) for title in games.titles]
    firsts = [title.casefold().split()[0] if title.split() else "" for title in games.titles]
    found = np.full((len(rows.item), 6), np.nan, np.float32)
    for place, (one, item) in enumerate(zip(rows.shopper.tolist(), rows.item.tolist(), strict=True)):
        had = games.histories[one].tolist()
        count = len(had)
        same = [platforms[other] == platforms[item] for other in had]
        series = [firsts[other] == firsts[item] for other in had]
        ago = next((age for age, hit in enumerate(reversed(same)) if hit), None)
        found[place] = (
            *(count, sum(same) / (count + SHARE_PRIOR), sum(series) / (count + SHARE_PRIOR)),
            *(float(same[-1]), float(series[-1]), np.nan if ago is None else float(ago)),
        )
    return found


def platform_of(title: str) -> str:
    """What a game is played on, as far as its title says."""
    text = f" {title.casefold().replace('-', ' ').replace('/', ' ')} "
    named = next((one for one in PLATFORMS if f" {one} " in text), "")
    return SAME.get(named, named)


def inputs_of(samples: pd.DataFrame, games: Games, rows: Rows) -> tuple[dict[str, Floats], Floats]:
    """What scorers read, by kind, (n, d) each with a last column for the label, left empty; and the text features."""
    text = TextFeatures.fit(samples).transform(samples)
    impersonal = samples.assign(query="any shopper")
    alone = TextFeatures.fit(impersonal).transform(impersonal)
    nothing = np.full(len(samples), np.nan)
    behaviour = behaviour_of(games, rows)
    kinds = {
        "no shopper": student_inputs(alone, nothing),
        "text": student_inputs(text, nothing),
        "text, behaviour": student_inputs(np.hstack([text, behaviour]), nothing),
    }
    return kinds, text


def distilled(inputs: Floats, answers: Doubles, rows: Rows) -> Doubles:
    """A scorer's preference of every row, (n,), learned from the answers to the rows of log shoppers alone."""
    log = ~rows.test
    student = fit_student(inputs[log], answers[log], student_settings("relevance"), 0, reads_label=False)
    return student.predict(inputs)


def orderings(
    games: Games, rows: Rows, judges: Mapping[str, Doubles], scored: Mapping[str, Doubles], kinds: Mapping[str, Floats]
) -> dict[str, Doubles]:
    """Every way to order the items of a shopper, (n,) each.

    Parameters
    ----------
    scored : by judge, (n,) preference of its scorer on text and behaviour. kinds : of :func:`inputs_of`.
    """
    found: dict[str, Doubles] = {
        "popularity": games.bought[rows.item].astype(np.float64),
        **{name if name == TOGETHER else f"judge: {name}": answers for name, answers in judges.items()},
        **{f"scorer of {name} (text, behaviour)": preference for name, preference in scored.items()},
    }
    for kind in ("text", "no shopper"):
        found[f"scorer of minilm ({kind})"] = distilled(kinds[kind], judges["minilm"], rows)
    return found
