"""What a level asks about each pair: one prompt variant, or as many as its confidence is the agreement of."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence

import numpy as np

from sie_agent.cascade import JudgeLevel
from sie_agent.errors import InputError
from sie_agent.judging import Variant, is_composite, load_variant


def members_of(level: JudgeLevel) -> list[Variant]:
    """What a level asks about each pair.

    Raises
    ------
    InputError : too few examples in the prompt for their orders or sets of them.
    """
    variant = load_variant(level.variant)
    if level.confidence == "variants":
        return [variant, *map(load_variant, level.variants)]
    if level.confidence == "orders":
        return [with_examples(variant, order, f"order {place}") for place, order in enumerate(orders(variant, level))]
    if level.confidence == "annotators":
        sets = example_sets(len(variant.examples), level)
        return [with_examples(variant, order, f"annotator {place}") for place, order in enumerate(sets)]
    return [variant]


def orders(variant: Variant, level: JudgeLevel) -> list[tuple[int, ...]]:
    """The examples in turn: each order begins with another one.

    Raises
    ------
    InputError : fewer than two examples.
    """
    count = len(variant.examples)
    if count < 2:
        problem = f"field 'confidence': variant '{variant.name}' has {count or 'no'} example, so no orders"
        raise InputError(problem, hint="Give a prompt with two examples or more, or another measure.")
    return [tuple((first + one) % count for one in range(count)) for first in range(min(count, level.members))]


def example_sets(count: int, level: JudgeLevel) -> list[tuple[int, ...]]:
    """Different sets of half of the examples, in an order of their own, drawn with the level's seed.

    Simulated annotators (Jung, Brahman and Choi 2024): each was shown other examples.

    Raises
    ------
    InputError : too few examples for so many sets.
    """
    size = max(1, count // 2)
    if math.comb(count, size) < level.members:
        problem = f"field 'members': {count} examples give {math.comb(count, size) if count else 0} sets of {size}, "
        problem += f"and {level.members} are asked for"
        raise InputError(problem, hint="Put more examples into the prompt, or ask for fewer members.")
    rng = np.random.default_rng(level.seed)
    found: dict[frozenset[int], tuple[int, ...]] = {}
    while len(found) < level.members:
        drawn = tuple(int(one) for one in rng.permutation(count)[:size])
        found.setdefault(frozenset(drawn), drawn)
    return list(found.values())


def with_examples(variant: Variant, places: Sequence[int], name: str) -> Variant:
    """The variant with some of its examples, in this order."""
    return variant.model_copy(update={"examples": tuple(variant.examples[one] for one in places)})


def check_measure(name: str, confidence: str, variant: Variant) -> None:
    """Entropy needs the probabilities of several grades.

    Raises
    ------
    InputError : the variant's method gives none.
    """
    if confidence == "entropy" and (variant.method != "graded" or is_composite(variant)):
        problem = f"field 'confidence': variant '{variant.name}' ({variant.method}) gives no probabilities of grades"
        raise InputError(problem, hint="Use 'margin'.")


def most_entropy(variant: Variant) -> float:
    """Log of the number of grades."""
    return math.log(max(len(variant.scale), 2))


def variants_hash(variants: Sequence[Variant]) -> str:
    """SHA-256 of all that the variants say to a judge, or make of its answers."""
    told = "\n".join(one.model_dump_json(exclude={"about"}) for one in variants)
    return hashlib.sha256(told.encode("utf-8", "replace")).hexdigest()
