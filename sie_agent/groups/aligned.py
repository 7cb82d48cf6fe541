"""A scores file beside the log that it was made of, a piece at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa

from sie_agent.errors import InputError
from sie_agent.samples import numbers_of, table_batches, texts_of
from sie_agent.selection import TableStream
from sie_agent.utils.arrays import Doubles

# squares of larger ones, summed up over many rows, are too large for a float
LARGEST = 1e100
# the columns that identify a row beside its id, and their names in messages
WORDS = {"query": "query", "item_id": "item"}
HINT = "Give the log that was scored, with the same --map, --split and --limit."


def score_stream(path: str, score: str, *, beside: Sequence[str] = ()) -> TableStream:
    """The rows of a scores file: ``sample_id``, the columns *beside* it, and ``score``, NaN where there is none.

    Parameters
    ----------
    score : the column that is read. beside : which of ``query`` and ``item_id`` are read, too.

    Raises
    ------
    InputError : as rows are taken: a column does not hold texts or numbers, or a score is infinite or over ``LARGEST``
        in magnitude.
    """
    names = ["sample_id", *beside]

    def batches() -> Iterator[pa.Table]:
        read = 0
        for batch in table_batches(path, [*names, score]):
            scores = numbers_of(batch, score, path)
            wrong = np.flatnonzero(np.abs(scores) > LARGEST)
            if len(wrong):
                raise InputError(
                    f"the score must be between {-LARGEST:g} and {LARGEST:g}, found {scores[wrong[0]]}",
                    where=f"{path}, row {read + int(wrong[0]) + 1}, field '{score}'",
                    hint="Score the log anew, or leave the cell empty.",
                )
            read += len(scores)
            yield pa.table([*(texts_of(batch, name, path) for name in names), scores], schema=schema)

    schema = pa.schema([*((name, pa.string()) for name in names), ("score", pa.float64())])
    return TableStream(batches(), schema)


def aligned(
    scored: TableStream, path: str, log: Iterable[pd.DataFrame], where: str
) -> Iterator[tuple[pd.DataFrame, Doubles]]:
    """The rows of the log that the file has a score of, and their scores, (n,), NaN where there is none.

    The file has to have its rows in the order of the log, as ``sie score`` and ``sie select`` leave them. Rows of the
    log that are not in it are passed over.

    Parameters
    ----------
    scored : of :func:`score_stream`, from the file at *path*.
    log : chunks in the schema of samples. where : name of the log, for messages.

    Raises
    ------
    InputError : a row of the file is not in the log, stands elsewhere in it, or has another query or item there.
    """
    for chunk in log:
        rows = scored.ahead(len(chunk)).to_pandas()
        places = pd.Index(chunk["sample_id"]).get_indexer(pd.Index(rows["sample_id"]))
        absent = np.flatnonzero(places < 0)
        count = int(absent[0]) if len(absent) else len(places)
        places = places[:count]
        if (np.diff(places) <= 0).any():
            row = int(np.flatnonzero(np.diff(places) <= 0)[0]) + 1
            raise not_of_this_log(path, str(rows["sample_id"].iloc[row]), where)
        taken, found = rows.iloc[:count], chunk.iloc[places]
        for name, word in WORDS.items():
            if name in taken.columns:
                check_same(taken, found, name, word, path, where)
        scored.take(count)
        yield found, taken["score"].to_numpy(np.float64)
    left = scored.ahead(1)["sample_id"].to_pylist()
    if left:
        raise not_of_this_log(path, str(left[0]), where)


def check_same(scored: pd.DataFrame, log: pd.DataFrame, name: str, word: str, path: str, where: str) -> None:
    """Raise InputError at the first row whose query or item differs in the log: ids are often mere row numbers."""
    differ = scored[name].fillna("").to_numpy(dtype=object) != log[name].to_numpy(dtype=object)
    if differ.any():
        row = int(np.argmax(differ))
        raise InputError(
            f"these are scores of another log: row '{scored['sample_id'].iloc[row]}' has "
            f"{in_words(scored[name].iloc[row], word)} here and {in_words(log[name].iloc[row], word)} in {where}",
            where=path,
            hint=HINT,
        )


def in_words(text: object, word: str) -> str:
    """A query or an item for a message, cut short; a null is told from a text."""
    return f"the {word} '{text[:40]}'" if isinstance(text, str) else f"no {word}"


def not_of_this_log(path: str, name: str, where: str) -> InputError:
    """A row of the scores is not where it should be in the log."""
    return InputError(
        f"row '{name}' is not in {where}, or not in the same order there: these are scores of another log",
        where=path,
        hint=HINT,
    )
