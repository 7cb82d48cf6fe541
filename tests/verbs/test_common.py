"""What the verbs share."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from sie_agent.errors import InputError
from sie_agent.verbs.common import load_log, parquet_target, samples_hash, training_settings, writable_folder


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
    assert parquet_target(tmp_path / "c" / "d.parquet").parent.is_dir()
    (tmp_path / "folder.parquet").mkdir()
    with pytest.raises(InputError, match="is a folder"):
        parquet_target(tmp_path / "folder.parquet")


def test_simulated_logs_of_the_sample() -> None:
    clicks = load_log("sample", simulate="clicks", seed=3)
    flips = load_log("sample", simulate="flips", seed=3)
    assert set(clicks["label"]) == set(flips["label"]) == {0.0, 1.0}
    assert load_log("sample", label_needed=False)["label"].isna().all()
