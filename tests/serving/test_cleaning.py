"""Text of one request is what the same text in a table would be."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from sie_agent.errors import InputError
from sie_agent.samples import LONGEST, validate_samples
from sie_agent.serving.payloads import Sample, first_fault

TEXT = st.text(st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from("\t\n\r\x00\x1c\x85\u2028\u3000 a")))


@given(query=TEXT, title=TEXT, description=TEXT, sample_id=TEXT)
@example(query="\u200b", title="\ufeff", description="\x1c", sample_id="\x85 ")
@example(query="a\r\nb", title=" a\u2029 ", description=" \x0b\t ", sample_id=" a ")
def test_the_same_as_in_a_table(query: str, title: str, description: str, sample_id: str) -> None:
    given = {"sample_id": sample_id, "query": query, "title": title, "description": description}
    try:
        expected = validate_samples(pd.DataFrame([{**given, "item_id": "i"}]), "test").iloc[0][list(given)].to_dict()
    except InputError:
        expected = None
    try:
        found = Sample.model_validate(given).model_dump(include=set(given))
    except ValidationError:
        found = None
    assert found == expected


@pytest.mark.parametrize("name", ["query", "title", "description", "sample_id"])
def test_a_text_has_an_end(name: str) -> None:
    row = {"query": "q", "title": "t", name: "a" * LONGEST[name]}
    assert Sample.model_validate(row)
    with pytest.raises(ValidationError) as caught:
        Sample.model_validate({**row, name: row[name] + "a"})
    assert "at most" in first_fault(caught.value)[1]
