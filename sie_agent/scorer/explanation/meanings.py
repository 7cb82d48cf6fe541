"""What the value of a feature means, in words that a person without the code can read."""

from __future__ import annotations

import math
import re

from sie_agent.shoppers import FEATURES

LABEL_NAME = "label (what the log says)"
TOPIC = re.compile(r"((?:query|title|shared) topic|(?:query|title) vector|vector (?:product|distance)) \d+")
TOPIC_GROUPS = {
    "query topic": ("query topics", "what the query is about (latent topics, together)"),
    "title topic": ("title topics", "what the title is about (latent topics, together)"),
    "shared topic": ("shared topics", "where query and title are about the same (latent topics, together)"),
    "query vector": ("query vector", "what the query means (sentence vector, its parts together)"),
    "title vector": ("title vector", "what the title means (sentence vector, its parts together)"),
    "vector product": ("vector products", "where query and title mean the same (sentence vectors, parts together)"),
    "vector distance": ("vector distances", "where query and title mean something else (sentence vectors, together)"),
}

SHARES = {
    "share of query words in title": "{} of the query's words are in the title",
    "share of query words in title, by rarity": "{} of the query's words, rare ones counting more, are in the title",
    "share of query word pairs in title": "{} of the query's neighbouring word pairs are in the title",
    "share of query numbers in title": "{} of the query's numbers are in the title",
    "place of first match in title": "the first shared word stands {} of the way into the title",
    "words shared over words in either": "{} of all words are in both query and title",
    "share of query words in description": "{} of the query's words are in the description",
    "share of query words in item": "{} of the query's words are in title or description",
    "share of title words in query": "{} of the title's words are in the query",
}
FLAGS = {
    "all query words in title": ("every word of the query is in the title", "the title lacks a word of the query"),
    "last query word in title": ("the query's last word is in the title", "the query's last word is not in the title"),
    "last query word ends title": (
        "the query's last word ends the title",
        "the title does not end with the query's last word",
    ),
    "first query word in title": (
        "the query's first word is in the title",
        "the query's first word is not in the title",
    ),
    "query has a number": ("the query has a number", "the query has no number"),
    "first title word in query": (
        "the title's first word is in the query",
        "the title's first word is not in the query",
    ),
}
AMOUNTS = {
    "rarity of rarest missing query word": "rarity of the rarest query word that the title lacks: {} (0: none)",
    "mean rarity of query words": "the query's words have a mean rarity of {}",
    "query words": "the query has {} words",
    "query characters": "the query has {} characters",
    "title words": "the title has {} words",
    "title characters": "the title has {} characters",
    "word cosine": "likeness of query and title by words: {} (0 none, 1 the same)",
    "character cosine": "likeness of query and title by letters: {} (0 none, 1 the same)",
    "sentence cosine": "likeness of query and title by meaning: {} (0 unrelated, 1 the same)",
    "latent cosine": "likeness of query and title by topic: {} (0 unrelated, 1 the same)",
}

# of the shopper, point in time
BEHAVED = {feature.name: feature.meaning for feature in FEATURES}


def meaning_of(name: str, value: float) -> str:
    """The feature *name* having this *value*, as a clause; for features without words of their own, the number.

    Parameters
    ----------
    name : from :func:`sie_agent.features.feature_names`, or ``LABEL_NAME``.
    value : not standardised.
    """
    if name == LABEL_NAME:
        return "the log has no label" if math.isnan(value) else f"the log says {value:.3g}"
    if name == "place of first match in title" and value > 0.9999:
        return "query and title share no word"
    if name == "share of query numbers in title" and abs(value - 0.5) < 1e-3:
        # all, none or some of them are in the title; one half also stands for a query without any
        return "half of the query's numbers are in the title, or it has none"
    if math.isnan(value):
        return f"{BEHAVED.get(name, name)}: not known"
    if name in SHARES:
        return SHARES[name].format(f"{round(value * 100) + 0} %")
    if name in FLAGS:
        return FLAGS[name][value < 0.5]
    # standardising and back leaves a trace in the seventh digit
    told = f"{BEHAVED.get(name, name)}: {{}}"
    return AMOUNTS.get(name, told).format(f"{round(value, 4) + 0:.3g}")
