"""Shares of a bound: none above all of it, none where the bound itself is hardly known."""

from __future__ import annotations

import pytest

from sie_agent.report.agreement import share_of_bound
from sie_agent.report.headline import gap_tile
from sie_agent.results import Agreement


def with_bound(bound: float, low: float | None, high: float | None) -> Agreement:
    entry = {"reference": "r", "metric": "spearman", "value": bound**2, "ci_low": low, "ci_high": high, "bound": bound}
    return Agreement.model_validate({"reliability": [entry]})


@pytest.mark.parametrize(
    ("value", "bound", "ends", "told"),
    [
        (0.4, 0.8, (0.6, 0.7), "50 %"),
        (0.4, 0.8, (None, None), "50 %"),
        (0.9, 0.8, (0.6, 0.7), "at the bound"),
        (0.8, 0.8, (-0.3, 0.9), "at the bound"),
        (0.4, 0.8, (-0.3, 0.9), "bound too uncertain"),
        (None, 0.8, (0.6, 0.7), "–"),
    ],
)
def test_shares(value: float | None, bound: float, ends: tuple[float | None, float | None], told: str) -> None:
    assert share_of_bound(with_bound(bound, *ends), "r", value) == told


def test_no_bound_no_share() -> None:
    assert share_of_bound(Agreement(), "r", 0.4) == "–"


def test_more_than_the_whole_gap_is_no_share() -> None:
    assert gap_tile(1.4).value == "all" and gap_tile(0.4).value == "40 %"
