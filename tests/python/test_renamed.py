"""Former names of parameters and attributes still work, and say the new one."""

from __future__ import annotations

import pytest

import sie_agent as sie
from sie_agent.drift import AdjustmentSettings
from sie_agent.errors import InputError
from sie_agent.utils.renamed import renamed


def test_a_former_parameter_is_taken_with_a_warning() -> None:
    with pytest.warns(DeprecationWarning, match="'labels_may_lack' is now called 'allow_missing_labels'"):
        samples = sie.load_samples("sample", limit=5, labels_may_lack=True)
    assert len(samples) == 5


def test_both_names_at_once_are_refused() -> None:
    @renamed(old="new")
    def function(*, new: int) -> int:
        return new

    with pytest.raises(TypeError, match=r"function\(\) got both 'new' and 'old', its former name"):
        function(new=1, old=2)


def test_a_former_field_is_taken_and_read() -> None:
    with pytest.warns(DeprecationWarning, match="distill_index"):
        settings = AdjustmentSettings(distil_index=0.3)
    assert settings.distill_index == settings.distil_index == 0.3
    with pytest.raises(InputError, match=r"distill_index is -3\. Give above 0"):
        AdjustmentSettings(distill_index=-3)
