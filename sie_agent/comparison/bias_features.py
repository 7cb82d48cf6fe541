"""What may sway a judge besides relevance, read from the samples: two groups of pairs for each feature."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pandas as pd

from sie_agent.utils.arrays import Doubles

BRAND_NAMES = ("brand", "product_brand", "manufacturer", "brand_name")
PRICE_NAMES = ("price", "sale_price", "list_price", "product_price")
LANGUAGE_NAMES = ("language", "lang", "locale", "product_locale")
# the first word of titles passes for a brand where half of the pairs share theirs with so many other items
SHARED_ITEMS = 5
ABSENT = "not in this data"
DEAREST = 1e15
NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


@dataclass(frozen=True)
class Feature:
    """Two groups of pairs whose judgments are compared.

    Attributes
    ----------
    first : (n,) 1 for pairs of the first group, 0 for the second, NaN for those in neither.
    contrast : the groups in words. source : where they come from. absent : why there are none; all else is empty then.
    categories : (n,) the brand of each pair, where the feature is that.
    """

    first: Doubles | None = None
    contrast: str = ""
    source: str = ""
    absent: str = ""
    categories: pd.Series | None = None


def features_of(samples: pd.DataFrame) -> Iterator[tuple[str, Feature]]:
    """Every feature by its name, also those that the data lack."""
    attributes = _attributes(samples)
    for name, read in FEATURES.items():
        yield name, read(samples, attributes)


def title_length(samples: pd.DataFrame, attributes: pd.DataFrame) -> Feature:
    """Characters of the title, above the median or not."""
    lengths = np.asarray(samples["title"].astype(str).str.len(), np.float64)
    return _halves(lengths, "longer half less shorter half", "characters of the title")


def position(samples: pd.DataFrame, attributes: pd.DataFrame) -> Feature:
    """The rank at which the item was shown."""
    if "position" not in samples or samples["position"].isna().all():
        return Feature(absent=ABSENT)
    ranks = np.asarray(samples["position"].astype("Float64").to_numpy(np.float64, na_value=np.nan), np.float64)
    return _halves(-ranks, "shown further up less further down", "column position")


def brand(samples: pd.DataFrame, attributes: pd.DataFrame) -> Feature:
    """Whether the item is of one of the brands that make up the commoner half of the pairs."""
    named, source = _named(samples, attributes, BRAND_NAMES)
    if named is None:
        words = samples["title"].astype(str).str.split(n=1).str[0].fillna("")
        items = samples["item_id"].groupby(words.str.casefold()).transform("nunique")
        if (items > SHARED_ITEMS).mean() < 0.5:
            return Feature(absent=ABSENT)
        named, source = words, "first word of the title"
    folded = named.astype("string").str.strip().str.casefold().fillna("")
    counts = folded[folded != ""].value_counts()
    if len(counts) < 2:
        return Feature(absent=f"{ABSENT}: one brand alone")
    # as many of the commonest as it takes to hold half of the pairs, and never all
    common = counts.index[: min(int(np.searchsorted(counts.cumsum(), counts.sum() / 2)) + 1, len(counts) - 1)]
    first = np.where(folded == "", np.nan, folded.isin(common).to_numpy(np.float64))
    contrast = "the commonest brands, with half of the pairs, less the others"
    return Feature(first, contrast, source, categories=folded)


def language(samples: pd.DataFrame, attributes: pd.DataFrame) -> Feature:
    """A language other than the commonest; without a column, a title with a letter beyond A to Z."""
    named, source = _named(samples, attributes, LANGUAGE_NAMES)
    if named is not None:
        folded = named.astype("string").str.strip().str.casefold().fillna("")
        counts = folded[folded != ""].value_counts()
        if len(counts) < 2:
            return Feature(absent=f"{ABSENT}: one language alone")
        first = np.where(folded == "", np.nan, (folded != counts.index[0]).to_numpy(np.float64))
        return Feature(first, "other languages less the commonest", source)
    # an accent or another script; signs such as ™ or ″ are no letters
    foreign = samples["title"].astype(str).str.contains(r"[^\W\d_a-zA-Zªº]", regex=True)
    if not foreign.any():
        return Feature(absent=f"{ABSENT}: no title has a letter beyond A to Z")
    contrast = "titles with an accent or another script less the others"
    return Feature(np.asarray(foreign, np.float64), contrast, "letters of the title beyond A to Z")


def price(samples: pd.DataFrame, attributes: pd.DataFrame) -> Feature:
    """The price, above the median or not."""
    named, source = _named(samples, attributes, PRICE_NAMES)
    if named is None:
        return Feature(absent=ABSENT)
    return _halves(np.asarray(named.map(amount), np.float64), "dearer half less cheaper half", source)


FEATURES: Mapping[str, Callable[[pd.DataFrame, pd.DataFrame], Feature]] = MappingProxyType(
    {"title length": title_length, "position": position, "brand": brand, "language": language, "price": price}
)


def amount(told: object) -> float:
    """A price from a cell: the number in it, whichever of point and comma it has for its decimals; NaN if none.

    Examples
    --------
    >>> amount("$1,299.00"), amount("12,50 EUR"), amount(3)
    (1299.0, 12.5, 3.0)
    """
    if isinstance(told, int | float):
        return float(told) if not isinstance(told, bool) and abs(told) < DEAREST else float("nan")
    found = NUMBER.search(str(told)[:100])
    if found is None:
        return float("nan")
    whole, split, decimals = found[0].replace(",", ".").rpartition(".")
    if not split:
        return float(decimals)
    # three digits behind the last mark are thousands, unless nothing stands before it
    mark = "" if len(decimals) == 3 and whole not in ("", "0") else "."
    return float(f"{whole.replace('.', '')}{mark}{decimals}")


def _halves(values: Doubles, contrast: str, source: str) -> Feature:
    """Above the median, and at or below it; where the median is the highest value, at it and below it."""
    known = np.isfinite(values)
    if not known.any():
        return Feature(absent=ABSENT)
    middle = np.median(values[known])
    above = values > middle if (values > middle).any() else values >= middle
    first = np.where(known, above.astype(np.float64), np.nan)
    return Feature(first, contrast, source)


def _named(samples: pd.DataFrame, attributes: pd.DataFrame, names: tuple[str, ...]) -> tuple[pd.Series | None, str]:
    """The first column, else attribute, of one of these names that holds anything, and which it is."""
    for held, kind in ((samples, "column"), (attributes, "attribute")):
        for name in held.columns:
            if str(name).casefold().replace(" ", "_") in names and held[name].replace("", None).notna().any():
                return held[name], f"{kind} {name}"
    return None, ""


def _attributes(samples: pd.DataFrame) -> pd.DataFrame:
    """The attributes that a feature may be read from, a column each; empty where the data have none."""
    wanted = set(BRAND_NAMES + PRICE_NAMES + LANGUAGE_NAMES)
    texts = samples["attributes"].astype(str) if "attributes" in samples else pd.Series("{}", samples.index)
    read = {text: _wanted(text, wanted) for text in texts.unique()}
    return pd.DataFrame([read[text] for text in texts], index=samples.index)


def _wanted(text: str, wanted: set[str]) -> dict[str, object]:
    """Of an object in JSON the entries that are wanted, by their names in small letters."""
    try:
        held = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    folded = (
        {str(name).casefold().strip().replace(" ", "_"): value for name, value in dict(held).items()}
        if isinstance(held, dict)
        else {}
    )
    return {name: value for name, value in folded.items() if name in wanted and isinstance(value, str | int | float)}
