"""Reads damaged scorers one after the other, in a process of its own: ``mutants.py FOLDER SEED COUNT``.

Each is a copy of the scorer in FOLDER with some bytes of ``model.onnx`` changed, or its end cut off, and with the
checksum that belongs to it. Prints a line for each: ``scored``, ``refused`` with the message, or ``wrong``.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from sie_agent.errors import InputError
from sie_agent.scorer import ScorerSession, explain_rows, load_scorer

ROWS = pd.DataFrame(
    {
        "sample_id": ["a", "b"],
        "query": ["blue lamp", "steel kettle 2"],
        "title": ["Blue lamp number 3", "Wooden rug"],
        "description": ["", "A rug"],
        "label": [1.0, np.nan],
    }
)


def sealed(folder: Path, content: bytes) -> None:
    """Write a model and its checksum."""
    (folder / "model.onnx").write_bytes(content)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config["sha256"]["model.onnx"] = hashlib.sha256(content).hexdigest()
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")


def changed(content: bytes, structure: np.ndarray, rng: np.random.Generator) -> bytes:
    """The bytes with some changed, most of them outside the large tables, or with the end cut off."""
    if rng.random() < 0.1:
        return content[: int(rng.integers(len(content)))]
    mutant = bytearray(content)
    for _ in range(int(rng.integers(1, 4))):
        place = int(rng.choice(structure)) if rng.random() < 0.9 else int(rng.integers(len(mutant)))
        mutant[place] = int(rng.integers(256)) if rng.random() < 0.5 else mutant[place] ^ (1 << int(rng.integers(8)))
    return bytes(mutant)


def outside_of_tables(content: bytes) -> np.ndarray:
    """Places of bytes that are in no large table of numbers."""
    import onnx

    free = np.ones(len(content), bool)
    for tensor in onnx.load_model_from_string(content).graph.initializer:
        if len(tensor.raw_data) > 10_000:
            start = content.index(tensor.raw_data)
            free[start : start + len(tensor.raw_data)] = False
    return np.flatnonzero(free)


def outcome(folder: Path) -> str:
    """What comes of reading a scorer, and of scoring and explaining two rows."""
    try:
        session, loaded = ScorerSession(folder), load_scorer(folder)
    except InputError as error:
        message = str(error)
        return f"refused {message}" if "\n" not in message and "model.onnx" in message else f"wrong {message!r}"
    served = session.score(*(ROWS[name] for name in ("query", "title", "description")), ROWS["label"].to_numpy())
    scores = loaded.predict(ROWS)
    for name in session.labels:
        if not np.allclose(served[name], scores[name], atol=1e-6, rtol=1e-6, equal_nan=True):
            return f"wrong {name}: {served[name]} and {scores[name].tolist()}"
    try:
        explain_rows(loaded, ROWS)
    except InputError as error:
        return "scored, not explained" if "\n" not in str(error) else f"wrong {error!r}"
    return "scored"


def main(source: Path, seed: int, count: int) -> None:
    """Print what comes of each mutant."""
    content = (source / "model.onnx").read_bytes()
    structure, rng = outside_of_tables(content), np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made) / "scorer"
        shutil.copytree(source, folder)
        for _ in range(count):
            sealed(folder, changed(content, structure, rng))
            print(outcome(folder), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
