"""GraNd and self-influence against the gradient of each row's loss, taken one by one."""

from __future__ import annotations

import numpy as np
import pytest

from sie_agent.attribution import reference_importance
from sie_agent.attribution.gradients import row_slopes

from .fixtures import make_setting, score_gradients


@pytest.mark.parametrize("hidden", [0, 6])
def test_grand_is_the_length_of_a_rows_gradient_early_in_training(hidden: int) -> None:
    setting = make_setting(hidden)
    lengths = [
        np.linalg.norm(
            row_slopes(run[0], setting.rows)[:, None] * score_gradients(run[0], setting.rows.features), axis=1
        )
        for run in setting.runs
    ]
    np.testing.assert_allclose(reference_importance("grand", setting), np.mean(lengths, axis=0), rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("hidden", [0, 6])
def test_self_influence_sums_squared_lengths_over_checkpoints(hidden: int) -> None:
    setting = make_setting(hidden)
    squares = [
        (row_slopes(one, setting.rows)[:, None] * score_gradients(one, setting.rows.features)) ** 2
        for run in setting.runs
        for one in run
    ]
    expected = np.sum([square.sum(axis=1) for square in squares], axis=0) / len(setting.runs)
    np.testing.assert_allclose(reference_importance("self-influence", setting), expected, rtol=1e-3, atol=1e-7)
