"""Which gradient reference, if any, says something about a judge: the measurement and its table.

    python scripts/experiments/headline/run.py measure homedepot generated crowdflower
    python scripts/experiments/headline/run.py figures homedepot generated crowdflower
    python scripts/experiments/headline/run.py table > eval/results/references/HEADLINE.md

A log of clicks (`ranked-clicks`, 15 %) on 6,600 rows whose queries are log-judged, log-unseen (30 % each) or graded
validation queries. Targets and proxies learn it, six seeds each; judges answer for the judged rows. The answers, and
those of knowledge-removed twins, become `value` in the form that matches a reference (variants.py), are
distilled, and score the unseen rows. A measure of a judge against a reference is

    agreement      Spearman of the scorer with the reference
    given twin     the same, partial given the mean rank of its twins and the plain loss
    less twin      agreement less the mean agreement of its twins

and a reference is fit for a headline if (a) a measure orders the judges by within-query accuracy, Spearman 0.8 or more
and interval above 0.5; (b) what the twins of a judge have by the same measure, against other twins of it, is within
0.05 of zero with its interval; (c) its reliability is 0.5 or more; (d) it predicts retraining on halves of the log:
linear datamodelling score 0.3 or more with its interval. What was measured is kept in --work, so that a run that was
cut off goes on.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

import numpy as np

from scripts.benchmarks.shared import started_manifest, write_figures
from scripts.experiments.headline.data import Study, load_study
from scripts.experiments.headline.draw import DRAWS, FIRST_DISTILLED, TWINS, distill, gathered, measure
from scripts.experiments.headline.summary import data_figures, markdown
from sie_agent.utils.threads import one_thread

DATA = ("homedepot", "generated", "crowdflower")


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    measure_verb = verbs.add_parser("measure", help="measure draws of data sets")
    figures = verbs.add_parser("figures", help="write headline.json from what was measured")
    for verb in (measure_verb, figures):
        verb.add_argument("data", nargs="+", choices=DATA)
        verb.add_argument("--rows", type=int, default=6600)
        verb.add_argument("--larger-url", default=None, help="a server with the 1.5 B model, named qwen there")
        verb.add_argument("--larger-pairs", type=int, default=500)
        verb.add_argument("--work", type=Path, default=Path("cache/headline"))
    measure_verb.add_argument("--draws", nargs="+", type=int, choices=DRAWS, default=list(DRAWS))
    measure_verb.add_argument("--minutes", type=float, default=float("inf"), help="distill no further after so long")
    table = verbs.add_parser("table", help="print headline.json as Markdown")
    for verb in (figures, table):
        verb.add_argument("--out", type=Path, default=Path("eval/results/references"))
    return parser.parse_args()


def main() -> None:
    """Measure, work out the figures, or print the table."""
    arguments = parsed()
    if arguments.verb == "table":
        print(markdown(json.loads((arguments.out / "headline.json").read_text())))
        return
    with one_thread():
        studies = {
            name: load_study(name, arguments.rows, arguments.work, arguments.larger_url, arguments.larger_pairs)
            for name in arguments.data
        }
        folders = {name: arguments.work / f"{name}-{len(study.samples)}" for name, study in studies.items()}
        if arguments.verb == "measure":
            measure_all(arguments, studies, folders)
        else:
            write_all(arguments, studies, folders)


def measure_all(arguments: argparse.Namespace, studies: Mapping[str, Study], folders: Mapping[str, Path]) -> None:
    """Measure the draws that were asked for; of what there is no time to distill, the table has undistilled figures."""
    last = time.time() + 60 * arguments.minutes
    for draw in arguments.draws:
        for name, study in studies.items():
            measure(study, draw, folders[name] / str(draw))
        for label, name in product(FIRST_DISTILLED, studies):
            if time.time() < last:
                distill(studies[name], draw, folders[name] / str(draw), label)


def write_all(arguments: argparse.Namespace, studies: Mapping[str, Study], folders: Mapping[str, Path]) -> None:
    """Figures of the draws that are there, into headline.json."""
    manifest = started_manifest(**{name: str(value) for name, value in vars(arguments).items()})
    figures = {}
    for name, study in studies.items():
        with manifest.stage(name):
            draws = [gathered(folders[name] / str(draw)) for draw in DRAWS]
            figures[name] = {
                "rows": {key: int(study.mask(key).sum()) for key in np.unique(study.sets)},
                "queries": {key: len(np.unique(study.queries[study.mask(key)])) for key in np.unique(study.sets)},
                "not_done": study.not_done,
                **data_figures([draw for draw in draws if draw is not None]),
            }
    path = arguments.out / "headline.json"
    before = json.loads(path.read_text()).get("data", {}) if path.is_file() else {}
    arguments.out.mkdir(parents=True, exist_ok=True)
    write_figures(path, manifest, {"twins": TWINS, "data": before | rounded(figures)})


def rounded(figures: Any) -> Any:
    """The same with numbers of four decimals: their intervals are wider."""
    if isinstance(figures, Mapping):
        return {name: rounded(one) for name, one in figures.items()}
    if isinstance(figures, float):
        return round(figures, 4)
    return [rounded(one) for one in figures] if isinstance(figures, list) else figures


if __name__ == "__main__":
    main()
