"""Copy from a run folder what may be committed: figures, row ids and scores, never the text of a data set.

python scripts/tools/keep_results.py runs/homedepot-clicks eval/results/homedepot-clicks
python scripts/tools/keep_results.py runs/games-clicks eval/results/games-clicks --numbered

With --numbered the ids become numbers: of a log whose ids name shoppers and items, they would tell who bought what.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

FIGURES = ("suite.yaml", "manifest.json")
DIGITS = 6
# text of the data set
TEXTS = ["query"]
TABLES = ("labels.parquet", "scores.parquet", "reference.parquet")


def numbers_of(ids: Iterable[str]) -> dict[str, str]:
    """Each id's place in the order of their SHA-256: who has the data can tell them, nobody else."""
    ordered = sorted(set(ids), key=lambda one: hashlib.sha256(one.encode()).digest())
    return {one: str(number) for number, one in enumerate(ordered)}


def numbered(table: pd.DataFrame, number_of: dict[str, str]) -> pd.DataFrame:
    """The table with numbers for ids, in their order."""
    table = table.assign(sample_id=table["sample_id"].map(number_of))
    return table.sort_values("sample_id", key=lambda ids: ids.astype(int), ignore_index=True)


def rounded(value: Any) -> Any:
    """Figures as they are quoted, and some digits more: a file of full doubles is three times as large."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return round(value, DIGITS) if isinstance(value, float) else value


def keep(run_dir: Path, folder: Path, with_numbers: bool = False) -> None:
    """Copy the figures rounded, and the tables as float32 after a look that they hold ids and numbers only."""
    number_of = numbers_of(pd.read_parquet(run_dir / "samples.parquet")["sample_id"])
    folder.mkdir(parents=True, exist_ok=True)
    for name in FIGURES:
        shutil.copyfile(run_dir / name, folder / name)
    figures = rounded(json.loads((run_dir / "agreement.json").read_text(encoding="utf-8")))
    (folder / "agreement.json").write_text(json.dumps(figures, separators=(",", ":")) + "\n", encoding="utf-8")
    for name in TABLES:
        table = pd.read_parquet(run_dir / name).drop(columns=TEXTS, errors="ignore")
        numbers = table.drop(columns="sample_id")
        wrong = [column for column in numbers if not pd.api.types.is_float_dtype(numbers[column])]
        if wrong:
            sys.exit(f"{run_dir / name}: column {wrong[0]} holds no numbers; not copied")
        if numbers.empty:
            # a suite without references has an empty table of them
            (folder / name).unlink(missing_ok=True)
            continue
        table = pd.concat([table[["sample_id"]], numbers.astype("float32")], axis=1)
        if with_numbers:
            table = numbered(table, number_of)
        table.to_parquet(folder / name, index=False, compression="zstd")
        print(f"{folder / name}: {len(table)} rows")


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4) or sys.argv[3:] not in ([], ["--numbered"]):
        sys.exit(__doc__)
    keep(Path(sys.argv[1]), Path(sys.argv[2]), with_numbers=len(sys.argv) == 4)
