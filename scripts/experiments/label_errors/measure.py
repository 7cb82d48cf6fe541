"""Wrong labels found: on rows that no judge read, and on rows that it did, by what a shop could look for them with.

    python scripts/experiments/label_errors/measure.py             the three data sets, 30 % of the labels flipped
    python scripts/experiments/label_errors/measure.py --data generated --rate 0.1 --draws 1 2 --without-models

In each draw labels are flipped at random, a quarter of the log's queries is judged, and a scorer is distilled. The
figure is the area under the ROC curve with which flipped labels are found among the rows of queries that nobody judged.
Beside every judge stand its twin (the same answers with the knowledge of grades removed), a random judge through the
same pipeline, and what needs no judge: the loss of a model trained on the log, held-out losses, confident learning.
Differences are paired by query and draw; intervals resample queries and add what draws contribute. Writes one JSON file
per data set and rate into --out and prints a Markdown table.
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

import numpy as np

from scripts.benchmarks.shared import say, started_manifest, write_figures
from scripts.experiments.label_errors.judges_at_hand import JUDGES, REAL, RELEVANT_AT, Answers, Shop, loaded
from sie_agent.attribution import predict
from sie_agent.downstream import make_folds
from sie_agent.errors import InputError
from sie_agent.evaluation import (
    confident_learning,
    judge_within,
    knowledge_removed,
    paired_query_difference,
    query_auc,
    query_copies,
)
from sie_agent.pipeline import DistillSettings, Log, distill_labels, label_errors_of, make_labels, train_proxies
from sie_agent.samples import load_samples, resolve, simulate_flips
from sie_agent.samples.generated import is_generated
from sie_agent.selection import RELEVANCE
from sie_agent.utils.threads import one_thread

READ = ("relevance", "support")
REPLICATES = 2_000
# the data sets whose every row has a human grade
GRADED = ("homedepot", "crowdflower", "generated", "sample")
PLAIN, NOTHING, LOG, TEXT, SUPPORT = "plain loss", "random", "label_error", "label_error, text alone", "1 - support"
Found = dict[tuple[str, str], np.ndarray]


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", nargs="+", metavar="NAME", default=["homedepot", "crowdflower", "generated"])
    parser.add_argument("--rate", type=flip_rate, default=0.3, help="share of labels that are flipped, below a half")
    parser.add_argument("--draws", type=draw_seed, nargs="+", default=[1, 2, 3, 4, 5], help="fixed before any figure")
    parser.add_argument("--without-models", action="store_true", help="leave out the judges that are language models")
    parser.add_argument("--out", type=Path, default=Path("eval/results/label_errors"))
    arguments = parser.parse_args()
    for option in ("data", "draws"):
        given = getattr(arguments, option)
        if len(set(given)) < len(given):
            parser.error(f"argument --{option}: {' '.join(map(str, given))}: one is named twice")
    for source in arguments.data:
        try:
            check_data(source)
        except InputError as error:
            parser.error(f"argument --data: {error}")
    return arguments


def flip_rate(text: str) -> float:
    """A share of flipped labels: from a half on, the labels would be the wrong way round."""
    try:
        rate = float(text)
    except ValueError:
        rate = math.nan
    if not 0 < rate < 0.5:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number above 0 and below 0.5")
    return rate


def draw_seed(text: str) -> int:
    """The seed of a draw."""
    try:
        seed = int(text)
    except ValueError:
        seed = -1
    if seed < 0:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number of 0 or more")
    return seed


def check_data(source: str) -> None:
    """Raise InputError where the source is not a data set by name, or not at hand."""
    if source not in GRADED and not is_generated(source):
        raise InputError(f"there is no graded data set '{source}'", hint=f"Give some of: {', '.join(GRADED)}")
    if source != "generated" and is_generated(source):
        load_samples(source, limit=1)
    resolve(source)


def main() -> None:
    """Measure and write."""
    arguments = parsed()
    for source in arguments.data:
        manifest = started_manifest(**{name: str(value) for name, value in vars(arguments).items()})
        with one_thread():
            figures = measured(loaded(source), arguments)
        arguments.out.mkdir(parents=True, exist_ok=True)
        write_figures(arguments.out / f"{source}-flips-{arguments.rate:g}.json", manifest, figures)
        print(as_table(figures))


def measured(shop: Shop, arguments: argparse.Namespace) -> dict[str, Any]:
    """All figures of one data set."""
    unread, read, within = [], [], []
    for seed in arguments.draws:
        names = [name for name in JUDGES if not (arguments.without_models and name in REAL)]
        one = draw(shop, names, arguments.rate, seed)
        unread.append(one[0])
        read.append(one[1])
        within.append(one[2])
        say(f"{shop.name}: draw {seed} measured")
    count = len(shop.query_names)
    return {
        "data": shop.name,
        "rate": arguments.rate,
        "rows": len(shop.samples),
        "queries": count,
        "draws": arguments.draws,
        "within": {name: float(np.mean([told[name] for told in within])) for name in within[0]},
        "rows that no judge read": compared(unread, count),
        "rows that the judge read": compared(read, count),
    }


def draw(shop: Shop, names: list[str], rate: float, seed: int) -> tuple[Found, Found, dict[str, float]]:
    """Share of each query in the area, by (finder, judge): of unread rows, of read rows; and the judges' accuracy."""
    log_table = simulate_flips(shop.samples, rate=rate, relevant_at=RELEVANT_AT, seed=seed)
    fold = make_folds(shop.queries, shop.query_names, folds=5, judged=0.25, tune=0.15, seed=seed)[0]
    inside = fold.log
    label, flipped = log_table["label"].to_numpy(float)[inside], log_table["flipped"].to_numpy(bool)[inside]
    codes = np.unique(shop.queries[inside], return_inverse=True)[1].ravel().astype(np.intp)
    log = Log(shop.inputs[inside], shop.inputs[inside], label, codes)
    judged, settings = fold.judged[inside], DistillSettings()
    proxies = train_proxies(log, settings, seed, held_out=True)
    if proxies.held_out is None or proxies.by_row is None:
        raise ValueError("no held-out proxies")
    suspicion = {
        (PLAIN, ""): doubt(predict(proxies.models, log.model_inputs), label),
        ("loss, held out by row", ""): doubt(proxies.by_row, label),
        ("loss, held out by query", ""): doubt(proxies.held_out, label),
        ("confident learning", ""): -confident_learning(label, proxies.held_out),
    }
    of_read = dict(suspicion)
    within, queries = {}, shop.samples["query"][inside]
    for name in names:
        answers = JUDGES[name](shop, fold.judged, seed)
        asked = np.where(judged, answers[inside], np.nan)
        grade = shop.grade[inside]
        within[name] = judge_within(asked[judged], grade[judged], codes[judged], 2, seed).mean
        twin = knowledge_removed(asked, codes, grade, RELEVANT_AT, 9_000 + seed).relevance
        for who, said in ((name, asked), (f"{name}, twin", twin)):
            labels = make_labels(log, proxies, said, settings, by_rank=True, names=READ)
            distilled = distill_labels(log, labels, settings, seed)
            told = label_errors_of(log, queries, proxies, distilled, settings, seed)
            if told is None:
                continue
            scores = distilled.scores(log.inputs, label)
            suspicion[LOG, who] = told[0].of(scores[RELEVANCE], label, told[1])[0]
            suspicion[TEXT, who] = told[0].of(scores[RELEVANCE], label, {})[0]
            suspicion[SUPPORT, who] = 1 - scores["support"]
            of_read[LOG, who] = suspicion[LOG, who]
            of_read[SUPPORT, who] = 1 - labels["support"]
    places = shop.queries[inside]
    return by_query(suspicion, flipped, places, ~judged, shop), by_query(of_read, flipped, places, judged, shop), within


def doubt(probability: np.ndarray, label: np.ndarray) -> np.ndarray:
    """How far a probability is from the label, (n,)."""
    return np.asarray(np.abs(label - probability), np.float64)


def by_query(suspicion: Answers, flipped: np.ndarray, queries: np.ndarray, rows: np.ndarray, shop: Shop) -> Found:
    """Each query's share in the area over some rows, (n_queries,), NaN for queries without such a row."""
    present, codes = np.unique(queries[rows], return_inverse=True)
    scores = np.array([column[rows] for column in suspicion.values()])
    found = np.full((len(scores), len(shop.query_names)), np.nan)
    found[:, present] = query_auc(scores, flipped[rows], codes.ravel().astype(np.intp), len(present))
    return dict(zip(suspicion, found, strict=True))


def compared(draws: list[Found], n_queries: int) -> list[dict[str, Any]]:
    """Every finder: its area, and less plain loss, less the random judge's scorer and less its twin's."""
    copies = query_copies(n_queries, REPLICATES, 20_240)
    stacked = {key: np.array([found[key] for found in draws]) for key in draws[0]}
    rows = []
    for (finder, judge), own in stacked.items():
        others = {"plain": (PLAIN, ""), "random": (finder, NOTHING), "twin": (finder, f"{judge}, twin")}
        rows.append(
            {
                "finder": finder,
                "judge": judge,
                "auc": paired_query_difference(own, np.zeros_like(own), copies),
                **{
                    f"minus_{name}": paired_query_difference(own, stacked[key], copies)
                    for name, key in others.items()
                    if key in stacked and key != (finder, judge)
                },
            }
        )
    return rows


def as_table(figures: dict[str, Any]) -> str:
    """A Markdown table of the figures, twins left out: they are the last column."""
    lines = [f"{figures['data']}, {figures['rate']:.0%} flipped, {len(figures['draws'])} draws"]
    for part in ("rows that no judge read", "rows that the judge read"):
        lines += ["", f"| {part} | within queries | AUC | less plain loss | less random judge | less twin |"]
        lines += ["|---|---|---|---|---|---|"]
        for row in figures[part]:
            if row["judge"].endswith(", twin"):
                continue
            within = figures["within"].get(row["judge"])
            cells = [shown(row.get(f"minus_{name}")) for name in ("plain", "random", "twin")]
            name = ": ".join(part for part in (row["judge"], row["finder"]) if part)
            known = "" if within is None else f"{within:.3f}"
            lines.append(f"| {name} | {known} | {row['auc']['value']:.3f} | {' | '.join(cells)} |")
    return "\n".join(lines)


def shown(found: dict[str, float] | None) -> str:
    """A difference with its interval."""
    return "" if found is None else f"{found['value']:+.3f} [{found['ci_low']:+.3f}, {found['ci_high']:+.3f}]"


if __name__ == "__main__":
    main()
