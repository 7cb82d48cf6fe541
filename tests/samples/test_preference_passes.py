"""``preference`` is read beside the shopper's columns where it holds numbers, and nothing else of a log is."""

from __future__ import annotations

import pandas as pd

from sie_agent.samples import without_grade
from sie_agent.samples.sample_schema import validate_samples


def test_numbers_pass_and_texts_do_not() -> None:
    rows = pd.DataFrame({"query": ["lamp"], "item_id": ["i"], "title": ["A lamp"], "grade": [1.0], "other": [1.0]})
    numbers = without_grade(validate_samples(rows.assign(preference=0.4, shopper_views=2), "test"))
    assert numbers.columns[-2:].tolist() == ["shopper_views", "preference"]
    texts = without_grade(validate_samples(rows.assign(preference="high"), "test"))
    assert not {"preference", "grade", "other"} & set(texts.columns)
