"""A calibration as a file: what was written is read, what is no curve is refused, and so is another judge's."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sie_agent.calibration import CalibrationCurve, load_calibration, same_judge
from sie_agent.errors import InputError
from sie_agent.files.typed_json import write_document
from sie_agent.results.calibration import CalibrationFile

SHARES = st.floats(0, 1)
FINITE = st.floats(-100, 100)
KNOTS = st.lists(SHARES, min_size=1, max_size=20, unique=True).map(sorted)


@st.composite
def curves(draw: st.DrawFn) -> CalibrationCurve:
    method = draw(st.sampled_from(["isotonic", "platt", "prior"]))
    common: dict[str, Any] = {"n_grades": draw(st.integers(0, 10**6)), "relevant_at": draw(SHARES)}
    if method == "isotonic":
        scores = draw(KNOTS)
        values = sorted(draw(st.lists(SHARES, min_size=len(scores), max_size=len(scores))))
        return CalibrationCurve(method, scores=tuple(scores), values=tuple(values), **common)
    if method == "platt":
        return CalibrationCurve(method, slope=draw(st.floats(0, 100)), intercept=draw(FINITE), **common)
    return CalibrationCurve(method, share=draw(SHARES), intercept=draw(FINITE), **common)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(curves(), st.lists(SHARES, min_size=1, max_size=10))
def test_what_is_written_is_read(tmp_path: Path, curve: CalibrationCurve, asked: list[float]) -> None:
    path = tmp_path / "calibration.json"
    write_document(path, CalibrationFile, {**asdict(curve), "variant": "relevance/graded", "model": "m"})
    found, file = load_calibration(path)
    assert found == curve and (file.variant, file.model) == ("relevance/graded", "m")
    np.testing.assert_array_equal(found.apply(np.array(asked)), curve.apply(np.array(asked)))


GOOD: dict[str, Any] = {"format": 1, "method": "isotonic", "variant": "v", "model": "m", "scores": [0.1, 0.5]}
GOOD |= {"values": [0.2, 0.9]}


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"format": 2}, "format"),
        ({"method": "magic"}, "method"),
        ({"values": [0.2]}, "no curve"),
        ({"scores": [], "values": []}, "needs knots"),
        ({"scores": [0.5, 0.1]}, "must rise"),
        ({"values": [0.9, 0.2]}, "must not fall"),
        ({"values": [0.2, 1.5]}, "values"),
        ({"scores": [0.1, float("nan")]}, "scores"),
        ({"slope": -1}, "slope"),
        ({"intercept": float("inf")}, "intercept"),
        ({"variant": None}, "variant"),
    ],
)
def test_what_is_no_calibration_is_refused(tmp_path: Path, changed: dict[str, Any], words: str) -> None:
    path = tmp_path / "calibration.json"
    path.write_text(json.dumps({**GOOD, **changed}))
    with pytest.raises(InputError, match=words) as told:
        load_calibration(path)
    assert "calibration.json" in str(told.value)


def test_another_judge_is_refused(tmp_path: Path) -> None:
    file = CalibrationFile.model_validate(GOOD)
    same_judge(file, "c.json", variant="v", model="m")
    with pytest.raises(InputError, match=r"variant 'v'.*'w'.*--allow-other-judge"):
        same_judge(file, "c.json", variant="w")
    with pytest.raises(InputError, match=r"model 'm'.*'other'"):
        same_judge(file, "c.json", model="other")


@pytest.mark.parametrize(("method", "share"), [("platt", 0.5), ("isotonic", 0.5), ("prior", None)])
def test_a_share_is_of_the_method_that_takes_one(method: str, share: float | None) -> None:
    content = {"method": method, "share": share, "scores": [0.5], "values": [0.5], "n_grades": 10}
    with pytest.raises(ValueError, match="`share` is that of method `prior`"):
        CalibrationFile.model_validate({"mode": "", "variant": "v", "model": "m", "n_queries": 2, **content})
