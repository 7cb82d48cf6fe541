"""Copy from a run folder what may be committed: figures, row ids and scores, never the text of a data set.

python scripts/keep_results.py runs/homedepot-clicks eval/results/homedepot-clicks
python scripts/keep_results.py runs/games-clicks eval/results/games-clicks --numbered

With --numbered the ids become numbers: of a log whose ids name shoppers and items, they would tell who bought what.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

FIGURES = ("suite.yaml", "manifest.json", "agreement.json")
TABLES = ("labels.parquet", "scores.parquet", "reference.parquet")


def numbers_of(ids: Iterable[str]) -> dict[str, str]:
    """Each id's place in the order of their SHA-256: who has the data can tell them, nobody else."""
    ordered = sorted(set(ids), key=lambda one: hashlib.sha256(one.encode()).digest())
    return {one: str(number) for number, one in enumerate(ordered)}


def numbered(table: pd.DataFrame, number_of: dict[str, str]) -> pd.DataFrame:
    """The table with numbers for ids, in their order."""
    table = table.assign(sample_id=table["sample_id"].map(number_of))
    return table.sort_values("sample_id", key=lambda ids: ids.astype(int), ignore_index=True)


def keep(run_dir: Path, folder: Path, with_numbers: bool = False) -> None:
    """Copy the figures as they are, and the tables as float32 after a look that they hold ids and numbers only."""
    number_of = numbers_of(pd.read_parquet(run_dir / "samples.parquet")["sample_id"])
    folder.mkdir(parents=True, exist_ok=True)
    for name in FIGURES:
        shutil.copyfile(run_dir / name, folder / name)
    for name in TABLES:
        table = pd.read_parquet(run_dir / name)
        numbers = table.drop(columns="sample_id")
        wrong = [column for column in numbers if not pd.api.types.is_float_dtype(numbers[column])]
        if wrong:
            sys.exit(f"{run_dir / name}: column {wrong[0]} holds no numbers; not copied")
        table = pd.concat([table[["sample_id"]], numbers.astype("float32")], axis=1)
        if with_numbers:
            table = numbered(table, number_of)
        table.to_parquet(folder / name, index=False, compression="zstd")
        print(f"{folder / name}: {len(table)} rows")


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4) or sys.argv[3:] not in ([], ["--numbered"]):
        sys.exit(__doc__)
    keep(Path(sys.argv[1]), Path(sys.argv[2]), with_numbers=len(sys.argv) == 4)
