"""Whether `sie improve-prompt` finds a better prompt for the model at hand, on graded searches of real shops.

    python scripts/experiments/improve_prompt/measure.py --budget-pairs 1200 --trials 6
    python scripts/experiments/improve_prompt/measure.py --variant relevance/plain --backend openai --model qwen \\
        --base-url http://127.0.0.1:8136/v1 --reflect-with qwen=openai,qwen --trials 20

Starts from the plainest variant of its kind. The embedded model cannot reflect, so without --reflect-with candidates
are drawn. Answers are kept in --cache: a run that was cut off goes on. Prints what the verb prints, writes
improve_prompt.json: figures and what was tried, no texts. Needs the real data (SIE_DATA).
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

import sie_agent as sie
from sie_agent.commands.improve_lines import lines
from sie_agent.files.manifest import write_json

ROOT = Path(__file__).resolve().parents[3]
# of a result, in the file: no path
TOLD = (
    *("variant", "judge", "backend", "reflects", "metric", "search", "mode", "accepted", "sentence", "stopped_by"),
    *("seed", "sets", "plan", "pairs", "n_unjudged", "n_trials", "n_failed", "finalists", "decision", "trials", "test"),
)


def kept(result: dict[str, Any]) -> dict[str, Any]:
    """What may be passed on of a result: figures, and changes in words of ours."""
    found = {name: result[name] for name in TOLD if name in result}
    if result["reflects"] is not None:
        # a model may have quoted a product
        found["trials"] = [{**one, "failed": None if one["failed"] is None else "failed"} for one in found["trials"]]
    return found


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    data = Path(os.environ.get("SIE_DATA", ROOT.parent / "shared" / "data"))
    parser.add_argument("--data", type=Path, default=data / "crowdflower" / "pairs.parquet")
    parser.add_argument("--map", default="crowdflower")
    parser.add_argument("--variant", default="relevance/query-likelihood-plain")
    for name in ("backend", "model", "base-url", "reflect-with"):
        parser.add_argument(f"--{name}", default="local" if name == "backend" else None)
    parser.add_argument("--trials", type=int, default=6)
    parser.add_argument("--budget-pairs", type=int, default=1200)
    parser.add_argument("--per-query", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cache", type=Path, default=None)
    parser.add_argument("--work", type=Path, default=Path("runs/improve-prompt"), help="folder of the verb's files")
    parser.add_argument("--out", type=Path, default=ROOT / "eval" / "results", help="folder of improve_prompt.json")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Improve, print, keep."""
    given = parsed(arguments)
    judge = sie.Judge(given.backend, model=given.model, base_url=given.base_url)
    result = sie.improve_prompt(
        given.data,
        given.work,
        variant=given.variant,
        column_map=given.map,
        judge=judge,
        reflect_with=given.reflect_with,
        trials=given.trials,
        budget_pairs=given.budget_pairs,
        per_query=given.per_query,
        seed=given.seed,
        cache_path=given.cache,
    )
    print("\n".join(lines(result)))
    given.out.mkdir(parents=True, exist_ok=True)
    write_json(given.out / "improve_prompt.json", kept(result))


if __name__ == "__main__":
    main()
