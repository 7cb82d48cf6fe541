"""Text of one sample, cleaned as :func:`sie_agent.samples.validate_samples` cleans a column of it.

That function works on tables; at a few rows per request, making the table would take longer than scoring it.
A test holds the two to the same results.
"""

from __future__ import annotations

import re
import unicodedata

from sie_agent.samples import LONGEST

ONE_LINE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
LAYOUT_KEPT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]+")
# what ONE_LINE leaves and strip takes away; for the description of the service
VISIBLE = r"[^\s\x00-\x1f\x7f-\x9f]"


# blank, though their categories do not say so: `INVISIBLE` of :mod:`sie_agent.samples.text_columns`
BLANK = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")


def is_blank(text: str) -> bool:
    """Whether a text has no visible character."""
    return all(unicodedata.category(one) in ("Zs", "Zl", "Zp", "Cc", "Cf") or BLANK.match(one) for one in text)


def required_text(name: str, text: str) -> str:
    """The text on one line, without white space at its ends; ValueError if nothing is left or it is too long."""
    cleaned = (text if text.isprintable() else ONE_LINE.sub(" ", text)).strip()
    if is_blank(cleaned):
        raise ValueError(f"the {name} is empty")
    return not_too_long(name, cleaned)


def identifier(given: str | int | None) -> str | None:
    """A sample's id as text; ValueError if it is blank, too long, or holds a control character: ids stay different."""
    if given is None:
        return None
    text = str(given)
    if is_blank(text):
        raise ValueError("the sample_id is empty")
    if ONE_LINE.search(text):
        raise ValueError("the sample_id holds a control character")
    return not_too_long("sample_id", text)


def description_text(text: str | None) -> str:
    """The text without control characters other than tabs and line breaks; ValueError if it is too long."""
    if not text:
        return ""
    return not_too_long("description", text if text.isprintable() else LAYOUT_KEPT.sub(" ", text))


def not_too_long(name: str, text: str) -> str:
    """The text; ValueError if it is too long to be real."""
    if len(text) > LONGEST[name]:
        raise ValueError(f"the {name} has {len(text):,} characters; at most {LONGEST[name]:,} are allowed")
    return text
