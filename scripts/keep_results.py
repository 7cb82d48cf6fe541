"""Copy from a run folder what may be committed: figures, row ids and scores, never the text of a data set.

python scripts/keep_results.py runs/homedepot-clicks eval/results/homedepot-clicks
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pandas as pd

FIGURES = ("suite.yaml", "manifest.json", "agreement.json")
TABLES = ("labels.parquet", "scores.parquet", "reference.parquet")


def keep(run_dir: Path, folder: Path) -> None:
    """Copy the figures as they are, and the tables as float32 after a look that they hold ids and numbers only."""
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
        table.to_parquet(folder / name, index=False, compression="zstd")
        print(f"{folder / name}: {len(table)} rows")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    keep(Path(sys.argv[1]), Path(sys.argv[2]))
