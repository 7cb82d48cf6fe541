"""What the agent buys: quality against cost where a share of the pairs goes to a stronger judge, or to the agent.

    python scripts/experiments/agent/measure.py prepare --work /tmp/agent
    python scripts/experiments/agent/measure.py ask --work /tmp/agent --base-url http://127.0.0.1:8000/v1 --model judge
    python scripts/experiments/agent/measure.py analyse --work /tmp/agent --out eval/results/agent.json
    python scripts/experiments/agent/measure.py show eval/results/agent.json       # as tables in Markdown

`prepare` chooses pairs of crowdflower and Home Depot (SIE_DATA), tuning queries apart from test queries, and asks
cheap judges: word overlap, MiniLM, the 135 M model. `ask` asks a server: one pass over all pairs, then the agent with
all tools and behind each first judge, with each tool left out, with each alone, and where the model chooses. It goes on
where it was stopped, and stops itself after --seconds. `analyse` needs no server and no model.

Stated beforehand. Tools: neighbours, results, spelling, profile; these data name no departments and no shoppers, so
those two find nothing here. Clicks that `results` shows are simulated from the grades (ranked clicks, 15 %). A tool is
on by default if, over both data sets, leaving it out certainly loses or it alone certainly gains within queries, and
neither is certainly to its disadvantage. Figures are of test queries; maps and cuts are of tuning queries.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from scripts.experiments.agent.asking import Answers, configurations
from scripts.experiments.agent.rows import FIRST, PLANS, prepare
from sie_agent.errors import SieError
from sie_agent.judging import JudgmentCache, make_backend

DATA = tuple(PLANS)
OUT = Path("eval/results/agent.json")
# one pass of a judge without a server
IN_PROCESS = {"lexical": "relevance/lexical", "local": "relevance/query-likelihood"}


def ask(given: argparse.Namespace) -> bool:
    """Ask the second judge and the agent about all data sets; whether everything is there."""
    ends = time.time() + given.seconds
    done = True
    for data in given.data:
        folder = given.work / data
        ready = [name for name in FIRST if (folder / f"ranked-{name}.parquet").is_file()]
        if given.base_url:
            options = {"base_url": given.base_url, "model": given.model, "concurrency": given.concurrency}
            backend, variant = make_backend("openai", **options), "relevance/graded"
        else:
            backend, variant = make_backend(given.judge), IN_PROCESS[given.judge]
        stats = given.base_url.removesuffix("/v1") + "/stats" if given.stats else ""
        with JudgmentCache(given.work / f"{data}.sqlite") as cache:
            try:
                answers = Answers(folder, backend, cache, variant, stats, ends)
                wanted = configurations(ready, given.tests, given.chosen)
                if not given.base_url:
                    wanted = [one for one in wanted if one.order == "fixed"]
                done &= answers.all([one for one in wanted if not given.only or one.name in given.only])
            finally:
                backend.close()
    return done


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", nargs="?", choices=("prepare", "ask", "analyse", "show"))
    parser.add_argument("file", nargs="?", type=Path, help="a file of figures to show")
    parser.add_argument("--work", type=Path, help="folder of pairs and answers; texts of the data are in it")
    parser.add_argument("--data", nargs="+", default=list(DATA))
    parser.add_argument("--first", nargs="+", default=list(FIRST), choices=list(FIRST), help="cheap judges")
    parser.add_argument("--base-url", default="", help="of the server")
    parser.add_argument("--judge", choices=list(IN_PROCESS), default="lexical", help="where there is no server")
    parser.add_argument("--model", help="what the server calls it")
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--stats", action="store_true", help="read the server's /stats (serve_transformers.py)")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="start nothing new after so long")
    parser.add_argument("--tests", type=int, default=1_000, help="test pairs for each tool")
    parser.add_argument("--chosen", type=int, default=300, help="test pairs where the model chooses the tools")
    parser.add_argument("--only", nargs="+", help="these configurations alone")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--smoke", action="store_true", help="all steps at a tiny size: the figures mean nothing")
    given = parser.parse_args()
    if given.smoke and (given.out == OUT or given.work is None):
        parser.error("--smoke needs --work FOLDER and --out FILE: its figures are not to be kept")
    if not given.smoke and given.step is None:
        parser.error("name a step, or --smoke")
    if given.step == "show" and given.file is None:
        parser.error("show needs a file")
    if given.step in ("prepare", "ask", "analyse") and given.work is None:
        parser.error("--work FOLDER is missing")
    if given.smoke:
        given.data, given.first, given.tests, given.base_url = ["generated:40"], ["lexical"], 60, ""
    return given


def main() -> None:
    """One step, or all."""
    given = parsed()
    steps = ["prepare", "ask", "analyse"] if given.smoke else [given.step]
    try:
        if "prepare" in steps:
            for data in given.data:
                prepare(data, given.work / data, given.first)
        if "ask" in steps and not ask(given):
            print("Not everything was asked: the same command goes on")
        if "analyse" in steps:
            from scripts.experiments.agent.analysis import analyse
            from scripts.experiments.agent.picture import write_picture

            found = analyse(given.work, given.data)
            given.out.parent.mkdir(parents=True, exist_ok=True)
            given.out.write_text(json.dumps(found, separators=(",", ":")) + "\n", encoding="utf-8")
            write_picture(given.out.with_suffix(".svg"), found)
            given.file = given.out
    except SieError as error:
        sys.exit(str(error))
    if given.file is not None:
        from scripts.experiments.agent.tables import tables

        print(tables(json.loads(given.file.read_text(encoding="utf-8"))))


if __name__ == "__main__":
    main()
