"""Text columns: one type, no control characters, no HTML."""

from __future__ import annotations

import html
import re

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from sie_agent.samples.markup import without_tags
from sie_agent.samples.sources.cell_texts import EXACT_BELOW, writer_for, written
from sie_agent.samples.sources.json_values import Fraction
from sie_agent.samples.sources.typed import plain, series_of
from sie_agent.utils.progress import say

ALL_CONTROLS = r"[\x{00}-\x{1f}\x{7f}-\x{9f}\x{2028}\x{2029}]+"
CONTROLS_BUT_LAYOUT = r"[\x{00}-\x{08}\x{0b}\x{0c}\x{0e}-\x{1f}\x{7f}-\x{9f}]+"
SURROGATES = re.compile("[\ud800-\udfff]")
# white space, what only formats (zero widths, soft hyphens), and letters without a form (Hangul and Braille blanks)
INVISIBLE = (
    r"[\p{Z}\p{Cc}\p{Cf}\x{034f}\x{115f}\x{1160}\x{17b4}\x{17b5}\x{2800}\x{3164}\x{fe00}-\x{fe0f}\x{ffa0}"
    r"\x{e0100}-\x{e01ef}]+"
)


def text_column(values: pd.Series) -> pd.Series:
    """Every entry as text: null becomes empty; in a column of whole numbers 12.0 becomes ``12``.

    Text, numbers, booleans (``true``, ``false``), dates and times have a text; see
    `sie_agent.samples.sources.cell_texts`.

    Raises
    ------
    WrongType
        If the column holds something else (bytes, lists, objects, durations), or floats too large to tell ids apart.
    """
    if isinstance(values.dtype, pd.ArrowDtype):
        simple = series_of(plain(pa.chunked_array(values.array.__arrow_array__())))
        simple.name = values.name
        if isinstance(simple.dtype, pd.ArrowDtype):
            return from_arrow(written(simple))
        values = simple
    if isinstance(values.dtype, pd.StringDtype) and values.dtype.storage == "pyarrow":
        return from_arrow(pc.fill_null(pa.array(values, pa.large_string(), from_pandas=True), ""))
    missing = values.isna().to_numpy()
    write = writer_for(values)
    texts = [
        "" if absent else value if isinstance(value, str) else write(value)
        for value, absent in zip(values.tolist(), missing, strict=True)
    ]
    return from_arrow(arrow_text(texts, values.name))


def as_written(values: pd.Series) -> pd.Series:
    """:func:`text_column`, in which a fraction of JSON keeps its digits: 0.10 is not the id 0.1."""
    if values.dtype != object:
        return text_column(values)
    # larger ones are refused as all such floats are
    kept = [one.text if isinstance(one, Fraction) and abs(one) < EXACT_BELOW[8] else one for one in values.tolist()]
    return text_column(pd.Series(kept, index=values.index, name=values.name, dtype=object))


def without_letters(texts: pd.Series) -> npt.NDArray[np.bool_]:
    """Which texts have no visible character, (n,)."""
    left = pc.replace_substring_regex(pa.array(texts, pa.large_string()), pattern=INVISIBLE, replacement="")
    return np.asarray(pc.equal(left, "").to_numpy(zero_copy_only=False), bool)


def arrow_text(texts: list[str], name: object = None) -> pa.Array:
    """Arrow text; half of a surrogate pair, which JSON can hold and UTF-8 cannot, becomes U+FFFD, and that is said.

    Parameters
    ----------
    texts : the texts.
    name : of their column, for the message.
    """
    try:
        return pa.array(texts, pa.large_string())
    except UnicodeEncodeError:
        repaired = [SURROGATES.sub("\ufffd", text) for text in texts]
        count = sum(before != after for before, after in zip(texts, repaired, strict=True))
        column = "" if name is None else f" in the column '{name}'"
        told = "1 text" if count == 1 else f"{count:,} texts"
        say(f"Broken Unicode{column}: in {told}, halves of surrogate pairs became U+FFFD")
        return pa.array(repaired, pa.large_string())


def from_arrow(array: pa.Array | pa.ChunkedArray) -> pd.Series:
    """A pandas Series of text over an arrow array."""
    series: pd.Series = array.to_pandas()
    return series.reset_index(drop=True)


def clean_text(texts: pd.Series, *, one_line: bool, strip: bool) -> pd.Series:
    """Put a space in the place of control characters.

    Parameters
    ----------
    texts : text column.
    one_line : also replace tabs and line breaks.
    strip : also remove white space at both ends.
    """
    array = pa.array(texts, pa.large_string())
    pattern = ALL_CONTROLS if one_line else CONTROLS_BUT_LAYOUT
    array = pc.replace_substring_regex(array, pattern=pattern, replacement=" ")
    return from_arrow(pc.utf8_trim_whitespace(array) if strip else array)


def plain_text(texts: pd.Series) -> pd.Series:
    """Resolve HTML entities and drop HTML tags; only texts that hold ``&`` or ``<`` are touched."""
    marked = texts.str.contains("[&<]", regex=True).to_numpy(dtype=bool)
    if not marked.any():
        return texts
    values = texts.astype(object).copy()
    values[marked] = [without_tags(html.unescape(text)) for text in values[marked]]
    return text_column(values)
