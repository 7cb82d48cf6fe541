"""The figures of `scripts/experiments/references/validate.py` as Markdown tables.

python scripts/experiments/references/table.py eval/results/references/mlp-clicks.json
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def table(path: Path) -> str:
    """References by this project and by libraries, then the scorer."""
    found = json.loads(path.read_text())
    bounds = ", ".join(f"{loss} {value:.2f}" for loss, value in found["reliability"].items())
    lines = [
        f"### {found['target']}, {found['log']}: {found['log_rows']:,} rows",
        f"Reliability of the losses that are foretold: {bounds}.",
        "",
        "| reference | by | seeds | LDS | whole | flipped labels, AUC | seconds |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [reference_line(row) for row in found["rows"] if row["by"] != "scorer"]
    lines += ["", "| scorer's `value`, judge | curvature | whole |", "|---|---|---|"]
    for row in found["rows"]:
        if row["by"] == "scorer":
            lines.append(f"| {row['judge']} | {row.get('curvature', 'none')} | {with_interval(row, 'lds_whole')} |")
    return "\n".join(lines)


def reference_line(row: dict[str, Any]) -> str:
    """One reference."""
    if "failed" in row:
        return f"| {row['reference']} | {row['by']} | {row.get('seeds', '–')} | {row['failed']} | – | – | – |"
    flipped = row.get("auc_flipped")
    cells = [
        row["reference"],
        row["by"],
        str(row.get("seeds", "–")),
        with_interval(row, "lds"),
        f"{row['lds_whole']:.2f}" if "lds_whole" in row else "–",
        "–" if flipped is None else f"{flipped:.2f}",
        f"{row['seconds']:.2f}" if "seconds" in row else "–",
    ]
    return f"| {' | '.join(cells)} |"


def with_interval(row: dict[str, Any], name: str) -> str:
    """A figure with its interval."""
    return f"{row[name]:.2f} [{row[f'{name}_low']:.2f}, {row[f'{name}_high']:.2f}]" if name in row else "–"


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    # the folder also holds headline.json, which scripts/experiments/headline/run.py prints
    names = [Path(name) for name in sys.argv[1:] if Path(name).name != "headline.json"]
    print("\n\n".join(table(name) for name in names))
