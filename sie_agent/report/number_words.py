"""Figures as the report writes them: numbers, intervals, counts, times and money."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

ABSENT = "–"
# a figure and both ends of its interval, each None where it is not known
Ends = tuple[float | None, float | None, float | None]


def ends_of(measured: Any, name: str = "value") -> Ends:
    """The figure *name* of a result with its interval, whose ends carry its name; all None without a result."""
    ends = "ci" if name == "value" else name
    low, high = (getattr(measured, f"{ends}_{end}", None) for end in ("low", "high"))
    return getattr(measured, name, None), low, high


def scaled(ends: Ends, factor: float) -> Ends:
    """The same figure in another unit."""
    value, low, high = (None if end is None else factor * end for end in ends)
    return value, low, high


def is_gain(measured: Any) -> bool:
    """Whether a difference is certainly above zero."""
    _, low, _ = ends_of(measured)
    return low is not None and low > 0


def is_loss(measured: Any) -> bool:
    """Whether a difference is certainly below zero."""
    _, _, high = ends_of(measured)
    return high is not None and high < 0


def number(value: float | None, digits: int = 2) -> str:
    """A figure rounded for reading, with a true minus sign; a dash for None."""
    if value is None or not math.isfinite(value):
        return ABSENT
    text = f"{value:,.{digits}f}"
    return text.replace("-", "−") if float(text.replace(",", "")) else text.replace("-", "")


def signed(value: float, digits: int = 3) -> str:
    """A difference with its sign; without one if it rounds to zero."""
    text = number(value, digits)
    return text if value < 0 or not float(text.replace(",", "")) else f"+{text}"


def significant(value: float | None) -> str:
    """Three significant digits, with a true minus sign; a dash for None."""
    return ABSENT if value is None else f"{value:.3g}".replace("-", "−")


def percent(value: float | None) -> str:
    """A share as a whole percentage."""
    return ABSENT if value is None or not math.isfinite(value) else f"{number(value * 100, 0)} %"


def count(value: float | None, one: str = "", many: str = "") -> str:
    """A whole number with thousands separators and its noun: ``1 query``, ``2,000 queries``."""
    if value is None or not math.isfinite(value):
        return f"an unknown number of {many}" if many else ABSENT
    noun = one if value == 1 else many or one
    return f"{value:,.0f} {noun}".strip()


def interval(low: float | None, high: float | None, digits: int = 2) -> str:
    """``0.51 to 0.57``; a dash where there is no interval."""
    return ABSENT if low is None or high is None else f"{number(low, digits)} to {number(high, digits)}"


def figure(value: float | None, low: float | None, high: float | None, digits: int = 2) -> str:
    """A figure with its interval, if it has one, in brackets: ``0.54 (0.51 to 0.57)``."""
    return _with_interval((value, low, high), lambda end: number(end, digits))


def share(value: float | None, low: float | None = None, high: float | None = None) -> str:
    """An accuracy in percent, with its interval: ``72.4 % (71.7 to 73.2)``."""
    return _with_interval(scaled((value, low, high), 100), lambda end: number(end, 1), " %")


def points(measured: Any) -> str:
    """A difference in percentage points, with its interval: ``+4.7 (+4.1 to +5.3)``."""
    return _with_interval(scaled(ends_of(measured), 100), lambda end: signed(end, 1))


def _with_interval(ends: Ends, written: Callable[[float], str], unit: str = "") -> str:
    value, low, high = ends
    if value is None:
        return ABSENT
    told = f"{written(value)}{unit}"
    return told if low is None or high is None else f"{told} ({written(low)} to {written(high)})"


def duration(seconds: float | None) -> str:
    """Seconds as a person says them: ``0.4 s``, ``12 s``, ``3 min 5 s``, ``2 h 10 min``."""
    if seconds is None:
        return ABSENT
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    minutes, left = divmod(round(seconds), 60)
    if not minutes:
        return f"{left} s"
    return f"{minutes} min {left} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def money(amount: float | None, currency: str) -> str:
    """A cost in words, also if it is unknown."""
    if amount is None:
        return "not known"
    return f"{number(amount, 2 if amount >= 0.1 else 4)} {currency}" if amount else "nothing"
