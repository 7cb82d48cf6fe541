"""A restart forgets nothing, and a damaged file costs a warning."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from sie_agent.drift.adjustment import Adjustment
from sie_agent.drift.resume import fingerprints, resume_adjustment, save_adjustment
from sie_agent.drift.settings import AdjustmentSettings
from sie_agent.drift.state_file import packed, unpacked, write_state
from sie_agent.errors import EnvironmentFailure
from sie_agent.labels import label_names

LABELS = label_names()
BASELINE = dict.fromkeys(LABELS, np.linspace(-3, 3, 101))
SETTINGS = AdjustmentSettings(window=800, department_window=400, warm_up=400, pending=64)


def fresh(**changes: Any) -> Adjustment:
    return Adjustment(BASELINE, settings=SETTINGS, **changes)


def events(seed: int, count: int, shift: float = 0.0) -> Iterator[Any]:
    rng = np.random.default_rng(seed)
    for _ in range(count // 50):
        scores = dict(zip(LABELS, rng.normal(shift, 1, (len(LABELS), 50)), strict=True))
        names = [f"d{number}" for number in rng.integers(0, 5, 50)]
        yield scores, (rng.random(50) < 0.3).astype(float), names, [str(one) for one in rng.integers(0, 10**9, 50)]


def comparable(adjustment: Adjustment) -> dict[str, Any]:
    """The state without times of day."""

    def without_times(part: Any) -> Any:
        if isinstance(part, dict):
            return {key: without_times(value) for key, value in part.items() if key not in ("since", "started")}
        return part

    found: dict[str, Any] = without_times(adjustment.state())
    return found


@pytest.mark.parametrize("before", [0, 50, 1_000, 1_850, 6_000])
def test_a_restart_changes_nothing(tmp_path: Path, before: int) -> None:
    whole, first = fresh(), fresh()
    for batch in events(1, before):
        whole.observe(*batch)
        first.observe(*batch)
    whole.state()
    save_adjustment(first, tmp_path / "state.json")
    second = resume_adjustment(tmp_path / "state.json", fresh())
    assert second.started == first.started
    assert comparable(second) == comparable(first)
    for batch in events(2, 4_000, shift=0.8):
        whole.observe(*batch)
        second.observe(*batch)
    assert comparable(second) == comparable(whole)
    assert second.state()["advice"]["distill_again"]
    asked = np.linspace(-3, 3, 40)
    np.testing.assert_array_equal(second.weigh("support", asked), whole.weigh("support", asked))


def test_where_there_is_no_file_it_starts_afresh_without_a_word(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert resume_adjustment(tmp_path / "none.json", fresh()).events == 0
    assert not caplog.records


def saved(tmp_path: Path) -> Path:
    adjustment = fresh()
    for batch in events(3, 2_000):
        adjustment.observe(*batch)
    save_adjustment(adjustment, tmp_path / "state.json")
    return tmp_path / "state.json"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": "x"}', '{"format": 3}', "null", "\x00", "[" * 100_000])
def test_a_file_that_is_no_state_gives_a_warning(tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "state.json"
    path.write_text(text)
    assert resume_adjustment(path, fresh()).events == 0
    assert "is damaged; it starts afresh" in caplog.text
    assert not path.exists() and (tmp_path / "state.json.bad").read_text() == text


DAMAGES = {
    "no departments": lambda content: content.pop("departments"),
    "a shape": lambda content: content["overall"]["live"].update(shape=[1, 2]),
    "bytes": lambda content: content["overall"]["sums"].update(data="AAAA"),
    "a type": lambda content: content["ranks"][0][0].update(type="|O"),
    "a place": lambda content: content["ranks"][0].__setitem__(1, 10**9),
    "a segment": lambda content: content["overall"].update(segment=99),
    "a fill": lambda content: content["overall"].update(filled=100),
    "a number": lambda content: content["departments"][0].__setitem__(1, 77),
    "standings": lambda content: content.update(standings=[["d0", "support", {"level": 1}]]),
    "a measure": lambda content: content["overall"]["references"].update(fame={}),
    "nothing": lambda content: content.update(overall=None),
}


@pytest.mark.parametrize("damage", list(DAMAGES))
def test_a_file_with_a_damaged_part_gives_a_warning(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = saved(tmp_path)
    content = json.loads(path.read_text())
    DAMAGES[damage](content)
    del content["sha256"], content["format"]
    write_state(path, content)  # with a seal that is right, so that the parts themselves are looked at
    resumed = resume_adjustment(path, fresh())
    assert "is damaged; it starts afresh" in caplog.text
    assert comparable(resumed) == comparable(fresh())


def test_numbers_that_were_changed_are_damage(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Edges that do not rise, bins out of range, a level that is none: whatever is not as it was written."""
    path = saved(tmp_path)
    whole = path.read_text()
    assert resume_adjustment(path, fresh()).events == 2_000
    reference = json.loads(whole)["overall"]["references"]["support"]
    falling = packed(unpacked(reference["edges"])[::-1])
    for old, new in (
        (json.dumps(reference["edges"]), json.dumps(falling)),
        ('"events": 2000', '"events": 2001'),
        ('"level": 0', '"level": 7'),
    ):
        assert old in whole
        path.write_text(whole.replace(old, new))
        caplog.clear()
        assert resume_adjustment(path, fresh()).events == 0
        assert "is damaged; it starts afresh" in caplog.text
    path.write_text(json.dumps(json.loads(whole), indent=1))
    assert resume_adjustment(path, fresh()).events == 2_000


def test_the_state_of_another_scorer_is_kept_beside(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = saved(tmp_path)
    before = path.read_bytes()
    other = Adjustment({name: quantiles + 1 for name, quantiles in BASELINE.items()}, settings=SETTINGS)
    for else_made in (other, fresh(baseline_events=7)):
        caplog.clear()
        path.write_bytes(before)
        (tmp_path / "state.json.bad").unlink(missing_ok=True)
        assert resume_adjustment(path, else_made).events == 0
        assert "is of another scorer or other settings" in caplog.text
        assert not path.exists() and (tmp_path / "state.json.bad").read_bytes() == before


@pytest.mark.parametrize("written", [2, 99])
def test_the_state_of_another_version_is_kept_beside(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, written: int
) -> None:
    path = saved(tmp_path)
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "format": written}))
    assert resume_adjustment(path, fresh()).events == 0
    said = f"{path}: the state of the adjustment is of another version; it starts afresh. The old file is kept as"
    assert [record.getMessage() for record in caplog.records] == [f"{said} {path}.bad"]


def test_a_state_in_the_earlier_spelling_goes_on(tmp_path: Path) -> None:
    """Settings and counts were spelt ``distil_…`` once, in the fingerprint too."""
    path = saved(tmp_path)
    content = json.loads(path.read_text().replace("_distill", "_distil"))
    assert "raised_distil" in content["standings"][0][2]
    del content["sha256"], content["format"]
    write_state(path, {**content, "made_for": fingerprints(fresh())[1]})
    assert comparable(resume_adjustment(path, fresh())) == comparable(resume_adjustment(saved(tmp_path), fresh()))


def test_labels_in_another_order_are_another_scorer(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The quantiles are the same here, and without a look at the order the windows would be exchanged."""
    turned = Adjustment({name: BASELINE[name] for name in reversed(LABELS)}, settings=SETTINGS)
    assert resume_adjustment(saved(tmp_path), turned).events == 0
    assert "is of another scorer or other settings" in caplog.text


def test_another_strength_of_weights_goes_on(tmp_path: Path) -> None:
    stronger = Adjustment(BASELINE, settings=replace(SETTINGS, strength=0.3))
    assert resume_adjustment(saved(tmp_path), stronger).events == 2_000


def test_a_damaged_file_that_cannot_be_kept_is_not_gone_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "state.json"
    path.write_text("{")

    def forbidden(*_: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "replace", forbidden)
    with pytest.raises(EnvironmentFailure, match=r"is damaged, and cannot be kept as state\.json\.bad"):
        resume_adjustment(path, fresh())
    assert path.read_text() == "{"
    assert not (tmp_path / "state.json.bad").exists()


def test_a_damaged_file_goes_over_no_other(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "state.json"
    (tmp_path / "state.json.bad").write_text("mine")
    (tmp_path / "state.json.2.bad").mkdir()
    (tmp_path / "state.json.3.bad").symlink_to("nowhere")
    for number in (4, 5):
        path.write_text(f"{{ {number}")
        resume_adjustment(path, fresh())
        assert (tmp_path / f"state.json.{number}.bad").read_text() == f"{{ {number}"
        assert f"The old file is kept as {path}.{number}.bad" in caplog.text
    assert (tmp_path / "state.json.bad").read_text() == "mine"
    assert (tmp_path / "state.json.3.bad").is_symlink() and not (tmp_path / "nowhere").exists()


def test_a_failed_saving_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path)
    before = path.read_bytes()

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(EnvironmentFailure, match="No space left on device"):
        save_adjustment(fresh(), path)
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["state.json"]


def test_where_nothing_can_be_written_it_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EnvironmentFailure, match="cannot write the state of the adjustment"):
        save_adjustment(fresh(), tmp_path / "file" / "state.json")


@given(arrays.arrays(np.float64, st.tuples(st.integers(0, 5), st.integers(0, 5))))
def test_arrays_come_back_as_they_were(array: np.ndarray) -> None:
    back = unpacked(json.loads(json.dumps(packed(array))))
    assert back.shape == array.shape
    np.testing.assert_array_equal(back, array)
