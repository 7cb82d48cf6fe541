"""Small changes of a prompt, for models that cannot propose any: wording, scale words, examples and their order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from sie_agent.improvement.candidates import Candidate, example_dict, examples_in, examples_text
from sie_agent.judging import Variant, list_variants, load_variant
from sie_agent.samples import normalise_query

# what raters of search results are told, a sentence each
SENTENCES = (
    "Judge what the shopper wants, not which words are shared.",
    "A part, tool, cover or accessory for the thing is not the thing.",
    "Where the query names a brand, another brand is a worse match.",
    "Where the query names a size, colour, number or model, a different one is a worse match.",
    "An ambiguous query is met by the meaning that most shoppers have in mind.",
    "A kit that contains the thing is a match.",
    "A good item of another kind is not relevant.",
    "Be strict: the highest grade is for items that the shopper would buy without looking further.",
    "Be generous: an item that most shoppers would look at deserves a middle grade at least.",
)
# names of degrees, from none to all
SCALES = (
    ("irrelevant", "marginally relevant", "partly relevant", "mostly relevant", "fully relevant"),
    ("the wrong thing", "something related", "a substitute", "nearly the thing", "exactly the thing"),
    ("nobody would click it", "few would click it", "some would buy it", "many would buy it", "it is what they want"),
)
INTROS = (
    "",
    "Products from a shop, each followed by the search that a shopper typed to find it.",
    "Listings of an online shop and the search queries that they answer.",
    "What shoppers type into a search box to find each product.",
)
ASKS = ("Search:", "Query:", "Search query:", "The search that a shopper types to find this product:", "Keywords:")
TITLES = ("", "Product", "Item", "Thing", "A product from a shop")
EXAMPLES = (2, 4, 6)
MOST_MOVES = 3

Move = Callable[[Candidate, np.random.Generator], tuple[Candidate, str] | None]


@dataclass(frozen=True)
class Moves:
    """Draws candidates that are one to three changes away from the start.

    Attributes
    ----------
    start : the variant. pool : graded pairs of training queries that are never judged. held_out : texts of tuning and
        test queries, which no example may hold.
    """

    start: Variant
    pool: pd.DataFrame
    held_out: frozenset[str]

    def draw(self, candidate: Candidate, rng: np.random.Generator) -> tuple[Candidate, str]:
        """A candidate and what is new in it, in words."""
        likelihood = self.start.method == "likelihood"
        wording: tuple[Move, ...] = (self.intro, self.ask, self.generic) if likelihood else (self.sentences, self.scale)
        # examples are taken from one place, then shortened or put in another order
        source = self.graded_examples if rng.random() < 0.5 else self.invented_examples
        moves: list[Move] = [*wording, source, self.reordered, self.fewer]
        wanted, told = int(rng.integers(1, MOST_MOVES + 1)), list[str]()
        for place in sorted(rng.permutation(len(moves))[:wanted]):
            if (moved := moves[place](candidate, rng)) is not None and moved[0] != candidate:
                candidate = moved[0]
                told.append(moved[1])
        return candidate, "; ".join(told) or "nothing"

    def sentences(self, candidate: Candidate, rng: np.random.Generator) -> tuple[Candidate, str]:
        """Sentences behind the rubric."""
        count = int(rng.integers(1, 4))
        chosen = [SENTENCES[place] for place in sorted(rng.permutation(len(SENTENCES))[:count])]
        return added(candidate, " ".join(chosen)), f"{count} more sentences of rubric"

    def scale(self, candidate: Candidate, rng: np.random.Generator) -> tuple[Candidate, str]:
        """Other words for the degrees, behind the rubric."""
        words = SCALES[int(rng.integers(len(SCALES)))]
        levels = [f"{one.token}: {words[round(one.value * (len(words) - 1))]}" for one in self.start.scale]
        return added(candidate, f"In other words, {'; '.join(levels)}."), "other words for the grades"

    def intro(self, candidate: Candidate, rng: np.random.Generator) -> tuple[Candidate, str]:
        """Another text before the examples."""
        return replace(candidate, system=INTROS[int(rng.integers(len(INTROS)))]), "another introduction"

    def ask(self, candidate: Candidate, rng: np.random.Generator) -> tuple[Candidate, str] | None:
        """Another last line of the template, where that is plain text."""
        before, newline, last = candidate.user.rstrip().rpartition("\n")
        if not newline or "{" in last:
            return None
        return replace(candidate, user=f"{before}\n{ASKS[int(rng.integers(len(ASKS)))]}"), "another last line"

    def generic(self, candidate: Candidate, rng: np.random.Generator) -> tuple[Candidate, str]:
        """Another title that the query's likelihood is compared with."""
        return replace(candidate, generic_title=TITLES[int(rng.integers(len(TITLES)))]), "another generic title"

    def graded_examples(self, candidate: Candidate, rng: np.random.Generator) -> tuple[Candidate, str] | None:
        """Examples from graded pairs, of as many queries, and of each grade by turns."""
        rows = self.pool
        apart = [
            normalise_query(title) not in self.held_out and normalise_query(query) not in self.held_out
            for title, query in zip(rows["title"], rows["query"], strict=True)
        ]
        rows = rows[np.asarray(apart, bool)]
        if self.start.method == "likelihood":
            # only what a shopper would have typed for the item
            rows = rows[rows["grade"] >= rows["grade"].max()]
        if rows.empty:
            return None
        shuffled = rows.iloc[rng.permutation(len(rows))].drop_duplicates("query")
        turn = shuffled.groupby("grade").cumcount().to_numpy()
        count = int(rng.choice(EXAMPLES))
        chosen = shuffled.iloc[np.argsort(turn, kind="stable")[:count]]
        told = [self.example(row) for _, row in chosen.iterrows()]
        return replace(candidate, examples=examples_text(told)), f"{len(told)} examples from training queries"

    def example(self, row: pd.Series) -> dict[str, str]:
        """A graded pair as an example."""
        told = {"query": str(row["query"]), "title": str(row["title"])[: self.start.max_title_chars]}
        if self.start.scale:
            nearest = min(self.start.scale, key=lambda level: abs(level.value - float(row["grade"])))
            told["answer"] = nearest.token
        return told

    def invented_examples(self, candidate: Candidate, rng: np.random.Generator) -> tuple[Candidate, str] | None:
        """Examples of a variant that ships, with the same method and the same tokens."""
        tokens = [level.token for level in self.start.scale]
        shipped = (load_variant(name) for name in list_variants("relevance"))
        fitting = [
            one
            for one in shipped
            if one.examples and one.method == self.start.method and [level.token for level in one.scale] == tokens
        ]
        if not fitting:
            return None
        source = fitting[int(rng.integers(len(fitting)))]
        return replace(candidate, examples=examples_text(dicts(source))), f"the examples of {source.name}"

    def reordered(self, candidate: Candidate, rng: np.random.Generator) -> tuple[Candidate, str] | None:
        """The same examples in another order."""
        told = examples_in(candidate.examples)
        if len(told) < 2:
            return None
        order = rng.permutation(len(told))
        return replace(candidate, examples=examples_text([told[place] for place in order])), "examples in another order"

    def fewer(self, candidate: Candidate, rng: np.random.Generator) -> tuple[Candidate, str] | None:
        """One example less."""
        told = examples_in(candidate.examples)
        if not told:
            return None
        gone = int(rng.integers(len(told)))
        return replace(candidate, examples=examples_text(told[:gone] + told[gone + 1 :])), "one example less"


def added(candidate: Candidate, text: str) -> Candidate:
    """A candidate with a text behind its rubric."""
    return replace(candidate, system="\n".join(part for part in (candidate.system.rstrip(), text) if part))


def dicts(variant: Variant) -> Sequence[dict[str, str]]:
    """The examples of a variant."""
    return [example_dict(one.model_dump()) for one in variant.examples]
