"""What the verbs share."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from sie_agent.errors import InputError
from sie_agent.outputs import File, check_places, writable_folder
from sie_agent.pipeline.loading import SIMULATIONS, load_log, samples_hash, training_settings
from sie_agent.samples import LOGS, load_samples, simulate_clicks, simulate_flips


def test_a_small_log_is_trained_in_small_batches() -> None:
    assert training_settings(100_000).batch_size == 256
    assert training_settings(800).batch_size == 50
    assert training_settings(20).batch_size == 16


def test_hash_of_samples(samples: pd.DataFrame) -> None:
    assert samples_hash(samples) == samples_hash(samples.assign(grade=0.0, label=1.0))
    assert samples_hash(samples) != samples_hash(samples.iloc[::-1])


def test_folders_and_files_to_write(tmp_path: Path) -> None:
    assert writable_folder(tmp_path / "a" / "b").is_dir()
    assert list((tmp_path / "a" / "b").iterdir()) == []
    (tmp_path / "folder.parquet").mkdir()
    with pytest.raises(InputError, match="is a folder"):
        check_places([File("--out", tmp_path / "folder.parquet", ".parquet")], {})


@pytest.mark.parametrize("kind", SIMULATIONS)
def test_every_simulated_log_can_be_asked_for(kind: str) -> None:
    log = load_log("sample", simulate=kind, seed=3)
    assert log["label"].between(0, 1).all()
    assert log["position"].notna().all() == (kind not in ("flips", "missing-positives"))
    assert ("impressions" in log.columns) == (kind == "impressions")


def test_the_labels_that_were_simulated_before_there_was_a_choice() -> None:
    samples = load_samples("sample")
    for kind, labels in (
        ("clicks", simulate_clicks(samples, seed=3)["label"]),
        ("flips", simulate_flips(samples, rate=0.2, seed=3)["label"]),
    ):
        assert load_log("sample", simulate=kind, seed=3)["label"].equals(labels)


def test_the_help_names_every_simulated_log() -> None:
    from sie_agent.cli.options import SHARED

    assert set(LOGS) <= set(str(SHARED["simulate"].help).replace(",", " ").split())


def test_an_unknown_simulated_log() -> None:
    with pytest.raises(InputError, match=r"no simulated log 'dwell'.*ranked-clicks, cascade"):
        load_log("sample", simulate="dwell")


def test_simulated_logs_of_the_sample() -> None:
    clicks = load_log("sample", simulate="clicks", seed=3)
    flips = load_log("sample", simulate="flips", seed=3)
    assert set(clicks["label"]) == set(flips["label"]) == {0.0, 1.0}
    assert load_log("sample", label_needed=False)["label"].isna().all()
