"""JSON as the standard has it: no key twice, no infinite number, a bound on nesting and on the length of numbers."""

from __future__ import annotations

import json
import math

from sie_agent.files.json_files import distinct, in_words, is_deeper

MOST_NESTED = 100
# beyond the largest float
MOST_DIGITS = 308
TOO_DEEP = f"nested more than {MOST_NESTED} levels deep"


def parsed_json(text: str) -> object:
    """What a JSON text says; NaN, which is not JSON but often written, becomes null.

    Raises
    ------
    ValueError : it is not JSON, a key occurs twice in one object, a number is infinite or has more than
        ``MOST_DIGITS`` digits, or it is nested more than ``MOST_NESTED`` levels deep. The message says which.
    """
    try:
        content = DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise ValueError(in_words(error.msg)) from None
    except RecursionError:
        raise ValueError(TOO_DEEP) from None
    if text.count("[") + text.count("{") > MOST_NESTED and is_deeper(content, MOST_NESTED):
        raise ValueError(TOO_DEEP)
    return content


def constant(name: str) -> None:
    """NaN is a value that is missing; an infinite one is a mistake."""
    if name != "NaN":
        raise ValueError(f"{name} is not a JSON number")


def whole(digits: str) -> int:
    """A whole number of bounded length."""
    if len(digits) > MOST_DIGITS:
        raise ValueError(f"a number of {len(digits):,} digits; an id of that length has to be in quotes")
    return int(digits)


class Fraction(float):
    """A number with a point or an exponent, and how it was written: as an id, 0.10 is another than 0.1."""

    text: str


def fraction(digits: str) -> Fraction:
    """A finite number."""
    value = Fraction(digits)
    value.text = digits
    if math.isinf(value):
        raise ValueError(f"the number {digits[:20]} is too large")
    return value


DECODER = json.JSONDecoder(object_pairs_hook=distinct, parse_constant=constant, parse_int=whole, parse_float=fraction)
