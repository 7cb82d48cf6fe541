"""What the output says of the cut-off between yes and no."""

from __future__ import annotations

import pytest

from sie_agent.commands.words import yes_lines


@pytest.mark.parametrize(
    ("positives", "negatives", "warned"), [(0, 9, "no labelled row"), (9, 0, "every labelled row"), (4, 5, "")]
)
@pytest.mark.parametrize("change", ["", "change it with --positive-at"])
def test_the_rule_is_told_and_one_sided_labels_are_warned_of(
    positives: int, negatives: int, warned: str, change: str
) -> None:
    told = yes_lines(positives, negatives, 0.5, change)
    assert "0.5 or more" in told[0] and f"{positives} yes, {negatives} no" in told[0]
    assert len(told) == (2 if warned else 1) and warned in told[-1]
    assert all(change in line for line in told)


def test_a_log_without_labels_is_not_warned_of() -> None:
    assert len(yes_lines(0, 0, 0.5)) == 1
