"""What a perceptron reads beside the text: columns of one scale, without gaps; other targets read none."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from sie_agent.errors import InputError
from sie_agent.pipeline import TargetPart
from sie_agent.suite.inputs import READERS


@pytest.fixture
def samples() -> pd.DataFrame:
    views = [1.0, np.nan, 3.0, 8.0]
    return pd.DataFrame({"query": "lamp", "title": "A lamp", "shopper_views": views, "shopper_same": 4.0})


def test_numbers_have_one_scale_and_no_gaps(samples: pd.DataFrame) -> None:
    text = np.ones((4, 3), np.float32)
    found = READERS["perceptron"](samples, text, TargetPart(inputs="text,behaviour"))
    assert found.dtype == np.float32 and found.shape == (4, 5) and (found[:, :3] == text).all()
    # columns in the order of their names: one that is the same everywhere says nothing
    assert (found[:, 3] == 0).all()
    known = np.array([1.0, 3.0, 8.0])
    assert np.allclose(found[[0, 2, 3], 4], (known - 4) / known.std()) and found[1, 4] == 0


def test_text_alone_is_left_as_it_is(samples: pd.DataFrame) -> None:
    text = np.ones((4, 3), np.float32)
    assert READERS["perceptron"](samples, text, TargetPart()) is text


@pytest.mark.parametrize("kind", ["two-tower", "cross-encoder"])
def test_other_targets_read_what_they_are_made_for(kind: str) -> None:
    with pytest.raises(ValidationError, match="reads no other `inputs`"):
        TargetPart(kind=kind, inputs=["text", "behaviour"])


@pytest.mark.parametrize(
    ("given", "said"), [("clicks", "no inputs 'clicks'"), (["behaviour"], "its text"), (3, "tuple")]
)
def test_inputs_that_are_none(given: object, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        TargetPart.model_validate({"inputs": given})


def test_columns_that_are_not_there(samples: pd.DataFrame) -> None:
    text = np.ones((4, 3), np.float32)
    with pytest.raises(InputError, match=r"shopper_\*"):
        READERS["perceptron"](samples[["query", "title"]], text, TargetPart(inputs="text,behaviour"))
