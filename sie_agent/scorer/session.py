"""Scores by onnxruntime alone: what serves, and what any other language can do with the same file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from sie_agent.errors import InputError
from sie_agent.features import reading, unspaced
from sie_agent.scorer.blocks.base import Feeds
from sie_agent.scorer.blocks.behaviour import given_columns
from sie_agent.scorer.files import MODEL, read_scorer, scorer_folder
from sie_agent.scorer.onnx.runtime import open_session
from sie_agent.scorer.student import in_range
from sie_agent.utils.arrays import Doubles
from sie_agent.utils.shown import shown
from sie_agent.utils.signatures import checked, found_words
from sie_agent.utils.values import shown as shown_value

# more rows at once are slower: what they share no longer fits the processor's caches
ROWS_AT_ONCE = 64
# of characters: all texts of a call are filled up to the longest, so that one long text would cost as many
TEXT_AT_ONCE = ROWS_AT_ONCE * 1_024


class ScorerSession:
    """A scorer's ``model.onnx`` in onnxruntime; it holds the session, which takes time to open.

    Parameters
    ----------
    folder : a scorer's, or the folder of ``sie distill`` or ``sie run`` that holds it.
    threads : of onnxruntime, for one call. Calls may come from several threads at once.

    Attributes
    ----------
    folder : of the scorer; labels : the weak labels it scores; config : ``config.json``.
    recipe : how its scores become targets and weights; None where nobody has chosen.
    label_errors : how it tells wrong labels; None where it does not.
    columns : names of the columns of numbers that it reads beside texts and label; most scorers read none.

    Raises
    ------
    InputError : the folder is not a scorer, is damaged, or was written by a newer version.

    Examples
    --------
    >>> import sie_agent as sie
    >>> session = sie.ScorerSession("runs/scorer")
    >>> scores = session.score(["desk lamp"], ["Brass desk lamp"], [""], [1.0])
    >>> sorted(scores)
    ['hardness', 'relevance', 'support', 'value']
    """

    @checked
    def __init__(self, folder: str | Path, *, threads: int = 1) -> None:
        self.folder = scorer_folder(folder)
        scorer, self.config, model = read_scorer(self.folder)
        self.labels = tuple(scorer.students)
        self.recipe, self.label_errors = scorer.recipe, scorer.label_errors
        self._session = open_session(model, threads, str(self.folder / MODEL))
        self._version = scorer.features.version
        self._ends = {name: student.ends for name, student in scorer.students.items()}
        self._blocks, self.columns = scorer.blocks, scorer.columns

    def __repr__(self) -> str:
        recipe = None if self.recipe is None else self.recipe.words
        return shown(self, folder=self.folder, labels=self.labels, recipe=recipe)

    def score(
        self,
        query: Iterable[str],
        title: Iterable[str],
        description: Iterable[str | None],
        label: Sequence[float | None] | npt.NDArray[np.floating[Any]],
        behaviour: Mapping[str, Sequence[float | None] | npt.NDArray[np.floating[Any]]] | None = None,
    ) -> dict[str, Doubles]:
        """Weak labels of (n,) rows, by name, each (n,), in the unit of the label.

        Parameters
        ----------
        query, title, description : (n,) texts as the table of samples has them.
        label : (n,) what the log says, in [0, 1]; None or NaN where it says nothing.
        behaviour : by name the `columns`, (n,) each, None or NaN where a value is not known; others are not read.

        Returns
        -------
        The scores.

        Raises
        ------
        InputError : the columns are of different lengths, or one that the scorer reads is missing.
        """
        given = {"query": query, "title": title, "description": description}
        for name, values in {**given, "label": label, **(behaviour or {})}.items():
            check_column(name, values)
        read = {name: [text or "" for text in values] for name, values in given.items()}
        known = np.array([np.nan if value is None else value for value in label], np.float32)
        texts = {name: lowered(values, self._version) for name, values in read.items()}
        if {len(values) for values in texts.values()} != {len(known)}:
            raise InputError("query, title, description and label are of different lengths", hint="Give one per row.")
        more = self._feeds(read["query"], read["title"], behaviour or {})
        scores = {name: np.empty(len(known)) for name in self.labels}
        for rows in blocks(texts):
            feeds = {name: values[rows] for name, values in {**texts, **more}.items()}
            found = self._session.run(list(self.labels), {**feeds, "label": known[rows]})
            for name, values in zip(self.labels, found, strict=True):
                scores[name][rows] = in_range(values, self._ends[name])
        return scores

    def _feeds(self, query: Sequence[str], title: Sequence[str], behaviour: Mapping[str, Any]) -> Feeds:
        """What the model takes beside texts and label."""
        if not self._blocks:
            return {}
        numbers = given_columns(self.columns, behaviour)
        rows = numbers if len(numbers.columns) else pd.DataFrame(index=range(len(query)))
        if len(rows) != len(query):
            raise InputError("the columns of numbers are of another length", hint="Give one number per row.")
        rows = rows.assign(query=list(query), title=list(title))
        return {name: values for block in self._blocks for name, values in block.feeds(rows).items()}


def check_column(name: str, values: Any) -> None:
    """Make sure that a column is a list of values, and not a single text.

    Raises
    ------
    InputError : it is not.
    """
    if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable) or hasattr(values, "columns"):
        of = "a text" if name in reading.FIELDS else "a number"
        raise InputError(
            f"expected a list ({of} each), found {found_words(values)}",
            where=f"ScorerSession.score(), parameter '{name}'",
            hint=f"Give [{shown_value(values)}] for one" if isinstance(values, str | int | float) else None,
        )


def blocks(texts: Mapping[str, npt.NDArray[np.object_]]) -> Iterator[npt.NDArray[np.intp] | slice]:
    """Rows to score at once: few, and long texts not together with short ones."""
    if len(texts["description"]) <= 1:
        yield from [slice(0, 1)] * len(texts["description"])
        return
    lengths = np.max([[len(text) for text in values] for values in texts.values()], axis=0)
    if len(lengths) * lengths.max() <= TEXT_AT_ONCE and len(lengths) <= ROWS_AT_ONCE:
        yield slice(0, len(lengths))
        return
    order = np.argsort(lengths, kind="stable")
    start = 0
    for end in range(1, len(order) + 1):
        if end == len(order) or end - start == ROWS_AT_ONCE or (end + 1 - start) * lengths[order[end]] > TEXT_AT_ONCE:
            yield order[start:end]
            start = end


def lowered(texts: Sequence[str], version: int) -> npt.NDArray[np.object_]:
    """Texts in lower case, widths folded, where they hold more than ASCII: the model can do it too, but not as fast."""
    values = np.array(texts, object)
    foreign = [place for place, text in enumerate(texts) if not text.isascii()]
    if foreign:
        small = pc.utf8_lower(pa.array([texts[place] for place in foreign], pa.large_string())).to_pylist()
        values[foreign] = small if version == reading.BY_SPACES else [unspaced.fold_widths(text) for text in small]
    return values
