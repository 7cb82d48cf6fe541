"""The distilled scorer: features and one student per weak label, kept in a folder without pickle."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from sie_agent.errors import EnvironmentFailure, InputError
from sie_agent.samples import TextFeatures
from sie_agent.scorer.student import Student, StudentSettings, fit_student

FORMAT = 1
LABELS = ("hardness", "support", "value")
Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Scorer:
    """Sample text and label in; ``hardness``, ``support`` and ``value`` out. No language model, gradient or grade.

    Attributes
    ----------
    features : the fitted text features; students : by weak label; about : provenance, written beside the model.
    """

    features: TextFeatures
    students: Mapping[str, Student]
    about: Mapping[str, Any]

    def predict(self, samples: pd.DataFrame) -> pd.DataFrame:
        """Scores of each row; a row's scores depend on that row alone.

        Returns
        -------
        Table of ``sample_id`` and one column per weak label.
        """
        return self.predict_from(
            samples["sample_id"], student_inputs(self.features.transform(samples), samples["label"])
        )

    def predict_from(self, sample_ids: pd.Series[str], inputs: npt.NDArray[np.floating]) -> pd.DataFrame:
        """:meth:`predict` where the inputs have been computed already."""
        scored = {name: student.predict(inputs) for name, student in self.students.items()}
        return pd.DataFrame({"sample_id": sample_ids.to_numpy(), **scored})


def student_inputs(features: npt.NDArray[np.floating], label: pd.Series[float] | Doubles) -> npt.NDArray[np.float32]:
    """(n, d + 1): text features and the log's label, NaN where the log has none."""
    return np.column_stack([features, np.asarray(label, np.float32)]).astype(np.float32)


def distil_scorer(
    samples: pd.DataFrame,
    labels: pd.DataFrame,
    *,
    features: TextFeatures | None = None,
    settings: StudentSettings | None = None,
    seed: int = 0,
    about: Mapping[str, Any] | None = None,
) -> Scorer:
    """Distil a scorer from weak labels.

    Parameters
    ----------
    samples : the samples table; labels : ``sample_id`` and one column per weak label, for some of the samples.
    features : fitted text features; fitted on *samples* when not given.

    Raises
    ------
    InputError : no sample has a weak label.
    """
    chosen = settings or StudentSettings()
    fitted = features or TextFeatures.fit(samples)
    known = labels.set_index("sample_id")
    rows = samples[samples["sample_id"].isin(known.index)]
    if len(rows) < 2:
        raise InputError(
            f"{len(rows)} of the samples have a weak label; at least 2 are needed",
            mend="Check that the judgments belong to this data set.",
        )
    inputs = student_inputs(fitted.transform(rows), rows["label"])
    students = {}
    for name in LABELS:
        target = (
            known.loc[rows["sample_id"], name].to_numpy(np.float64) if name in known else np.full(len(rows), np.nan)
        )
        if (~np.isnan(target)).sum() >= 2:
            students[name] = fit_student(inputs, target, chosen, seed)
    described = {"settings": asdict(chosen), "seed": seed, "n_samples": len(rows), **(about or {})}
    return Scorer(fitted, students, described)


def save_scorer(scorer: Scorer, folder: Path) -> None:
    """Write ``config.json``, ``features.npz`` and one LightGBM text file per weak label."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        scorer.features.save(folder / "features.npz")
        for name, student in scorer.students.items():
            (folder / f"{name}.txt").write_text(student.booster.model_to_string(), encoding="utf-8")
        files = ["features.npz", *(f"{name}.txt" for name in scorer.students)]
        config = {
            "format": FORMAT,
            "labels": list(scorer.students),
            "quantiles": {name: student.quantiles.tolist() for name, student in scorer.students.items()},
            "sha256": {name: digest(folder / name) for name in files},
            "about": dict(scorer.about),
        }
        (folder / "config.json").write_text(json.dumps(config, indent=1), encoding="utf-8")
    except OSError as error:
        raise EnvironmentFailure(f"cannot write the scorer ({error.strerror})", where=folder) from error


def load_scorer(folder: Path) -> Scorer:
    """Read what :func:`save_scorer` wrote.

    Raises
    ------
    InputError : the folder is no scorer, is damaged, or was written by a newer version.
    """
    import lightgbm

    again = "Distil the scorer again with `sie distill`."
    path = Path(folder) / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        written = int(config["format"])
    except FileNotFoundError as error:
        raise InputError("no scorer here", where=folder, mend="Give the folder that `sie distill` wrote.") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError("damaged scorer configuration", where=path, mend=again) from error
    if written > FORMAT:
        raise InputError(f"scorer of a newer format ({written})", where=path, mend="Upgrade sie-agent.")
    try:
        parts, about = dict(config["sha256"]), dict(config["about"])
        quantiles = {name: np.asarray(config["quantiles"][name], np.float64) for name in config["labels"]}
    except (ValueError, KeyError, TypeError) as error:
        raise InputError("damaged scorer configuration", where=path, mend=again) from error
    for name, expected in parts.items():
        part = Path(folder) / name
        if not part.is_file() or digest(part) != expected:
            raise InputError("part of the scorer is missing or damaged", where=part, mend=again)
    students = {}
    for name in quantiles:
        text = (Path(folder) / f"{name}.txt").read_text(encoding="utf-8")
        students[name] = Student(lightgbm.Booster(model_str=text), quantiles[name])
    return Scorer(TextFeatures.load(Path(folder) / "features.npz"), students, about)


def digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
