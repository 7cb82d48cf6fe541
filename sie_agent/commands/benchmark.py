"""``sie benchmark``: a judge on a fixed part of a public set, with the figures that are published for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sie_agent.commands.judges import Judge, as_judge, open_judge
from sie_agent.commands.verb import OUT_FOLDER, Option, Verb
from sie_agent.commands.words import asked_again, causes, columns, cost_line, duration, number, plan_lines, tries_line
from sie_agent.errors import EXIT_DONE, EXIT_PARTIAL, InputError
from sie_agent.utils.counts import counted
from sie_agent.utils.values import check_values

if TYPE_CHECKING:
    from sie_agent.commands.benchmarking.run import Plan

FILES = ("benchmark.json", "judgments.parquet", "manifest.json", "split.csv")
SHOWN = {
    "kappa": "kappa",
    "accuracy": "accuracy",
    "alpha": "alpha",
    "spearman": "Spearman",
    "auc": "AUC",
    "within_query_accuracy": "within queries",
    "severe_errors": "severe",
}


def benchmark(
    dataset: str,
    data: str | Path,
    out: str | Path | None = None,
    *,
    variant: str | Path,
    column_map: str | Path | None = None,
    split: str | None = None,
    pairs: int = 500,
    thresholds_from: int | None = None,
    judge: Judge | str | None = None,
    retry_failed: bool = False,
    dry_run: bool = False,
    max_cost: float | None = None,
    log_json: str | Path | None = None,
    cache_path: str | Path | None = None,
    skip_invalid: bool = False,
    strict: bool = False,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Judge a fixed, balanced part of a public set with human grades, and say how good the judge is.

    The pairs are drawn by a hash of their ids, as many of each label: who has the set has the same pairs, in whatever
    order its files are. Quadratic kappa, accuracy, Krippendorff's alpha, Spearman, AUC and more, with intervals by
    query; beside them word overlap, the judge without its knowledge, random judges, and published figures. Writes
    benchmark.json, judgments.parquet, split.csv (the ids) and manifest.json.

    Parameters
    ----------
    dataset : The public set: wands or esci.
    data : Where it lies: the folder of WANDS's files; of ESCI a file, a folder or a Hub id (owner/name).
    out : Folder to write into (not needed for *dry_run*).
    variant : Prompt variant of relevance: relevance/name, or a YAML file.
    column_map : Column map in place of the ready one for the set.
    split : Part of the set that pairs are drawn from (esci: test; wands: all of it); all: of every part.
    pairs : How many pairs, as many of each label. Figures of fewer are not comparable.
    thresholds_from : Tune what counts as which label on N other pairs, of other queries (gold-calibrated); otherwise it
        is the nearest label.
    judge : who is asked, or the name of a backend; the embedded model if not given.
    retry_failed : ask again where the cache holds a lasting failure.
    dry_run : Say what would be asked, what it costs and how long it takes.
    max_cost : stop before the answers of this run cost more, in USD; the rest has the status ``not-asked``.
    log_json : File for one JSON line per event; - for standard error.
    cache_path : the judgment cache; the default one when not given.
    skip_invalid, strict : what is done with rows that cannot be used, see `rows_policy`.
    overwrite : replace what other work left in *out*.

    Returns
    -------
    What ``benchmark.json`` holds: ``dataset``, ``mode``, ``split``, ``rows`` (the judge and the controls: ``kappa``,
    ``accuracy`` and more, each with ``value``, ``ci_low``, ``ci_high``; ``confusion``), ``published``; what was asked
    and paid; and ``exit_code`` (3: some pairs have no judgment). Of a dry run what :func:`plan` gives.

    Raises
    ------
    InputError : there is no such set, a file or a column of it is missing, the variant does not judge relevance, or the
        judge's settings are wrong. Nothing was asked then.
    EnvironmentFailure : no pair has a judgment, or the server or the disk is in the way.

    Examples
    --------
    >>> import pandas as pd
    >>> import sie_agent as sie
    >>> words = [f"colour-{number} lamp" for number in range(30)]
    >>> pd.DataFrame(
    ...     {
    ...         "query": words,
    ...         "product_id": range(30),
    ...         "product_title": ["Brass lamp", "colour-1 lamp", "Door knob"] * 10,
    ...         "esci_label": ["Substitute", "Exact", "Irrelevant"] * 10,
    ...         "query_id": range(30),
    ...         "product_locale": "us",
    ...         "split": "test",
    ...         **dict.fromkeys(("product_description", "product_bullet_point", "product_brand", "product_color"), ""),
    ...     }
    ... ).to_parquet("esci.parquet")
    >>> result = sie.benchmark(
    ...     "esci", "esci.parquet", "runs/esci", variant="relevance/lexical", judge="lexical", pairs=20
    ... )
    >>> result["split"]["levels"]
    {'Irrelevant': 5, 'Complement': 0, 'Substitute': 5, 'Exact': 5}
    """
    from sie_agent.commands.benchmarking.run import Plan, judged_into, planned_pairs
    from sie_agent.commands.benchmarking.sets import map_of, public_set
    from sie_agent.commands.log_rows import LogRows
    from sie_agent.judging import check_method, load_variant
    from sie_agent.outputs import File, Folder, Work, outputs
    from sie_agent.pipeline.loading import source_of
    from sie_agent.samples import rows_policy

    check_values(dataset=dataset, data=data, column_map=column_map, split=split, variant=variant, max_cost=max_cost)
    check_values(pairs=pairs, thresholds_from=thresholds_from)
    chosen, asked, loaded = public_set(dataset), as_judge(judge), load_variant(variant)
    if loaded.aspect != "relevance":
        problem = f"'{variant}' judges {loaded.aspect}, not relevance"
        raise InputError(problem, where="--variant", hint="Choose a variant of relevance.")
    if out is None and not dry_run:
        raise InputError("no folder to write into", where="--out", hint="Give --out DIR, or --dry-run.")
    # what is missing is told before the set is read
    backend = open_judge(asked, asks=not dry_run)[0]
    try:
        check_method(backend, loaded)
    finally:
        backend.close()
    part = chosen.split if split is None else split
    mapped = map_of(chosen, data, part) if column_map is None else column_map

    def plan(folder: Path | None) -> Plan:
        policy = rows_policy(folder, skip_invalid=skip_invalid, strict=strict, data=data)
        log = LogRows(data, mapped, part, invalid=policy)
        return Plan(chosen, log, pairs, thresholds_from, loaded, asked, cache_path, retry_failed, max_cost)

    if dry_run:
        return planned_pairs(plan(None))
    place = Folder("--out", out or "", FILES)
    events = File("--log-json", None if str(log_json) == "-" else log_json, appended=True)
    reads = {"--data": source_of(data), "--map": mapped, "--variant": variant, **asked.reads}
    settings = {"SET": dataset, "--split": part, "--pairs": pairs, "--thresholds-from": thresholds_from}
    uses = {"--endpoints": asked.endpoints}
    work = Work("benchmark", reads, {**settings, **asked.settings}, uses=uses, grows=("--pairs",))
    with outputs(work, place, events, overwrite=overwrite, cache_path=cache_path):
        result = judged_into(place.path, plan(place.path), log_json)
    return {**result, "exit_code": EXIT_PARTIAL if result["n_without_grade"] else EXIT_DONE}


def lines(result: dict[str, Any]) -> Iterator[str]:
    """The judge's row beside controls and published figures, the confusion matrix, what it took; or the plan."""
    if "parts" in result:
        yield from plan_lines(result)
        return
    split, names = result["split"], result["levels"]
    counts = ", ".join(f"{name} {count:,}" for name, count in reversed(split["levels"].items()))
    part = f", split {split['part']}" if split["part"] else ""
    pairs, queries = counted(split["pairs"], "pair"), counted(split["queries"], "query")
    yield f"{result['title']}{part}: {pairs} of {queries} ({counts})"
    yield from (f"  too few of {one}" for one in split["short_of"])
    rows = [(row["name"], row["mode"], *(figure(row[key]) for key in SHOWN)) for row in result["rows"]]
    rows += [
        (one["judge"], "published", number(one["kappa"]), *["–"] * (len(SHOWN) - 1)) for one in result["published"]
    ]
    yield from columns(("", "mode", *SHOWN.values()), rows)
    yield from (f"Published: {note}." for note in dict.fromkeys(one["note"] for one in result["published"]))
    judged = result["rows"][0]
    within = counted(judged["n_queries_within"], "query")
    yield f"95 % intervals, by query; of random judges where 95 % of them lie. {within} with several labels."
    yield from matrix(judged["confusion"], names, judged["thresholds"])
    without = f"{result['n_without_grade']:,} ({result['unparsed_share']:.1%}){causes(result['reasons'])}"
    yield f"Without a judgment: {without}"
    waited = result["latency_ms"]["median"]
    took = f", {duration(waited / 1000)} an answer (median)" if waited else ""
    came = f"{result['asked']:,} asked, {result['cached']:,} cached"
    yield f"Tokens: {result['tokens_per_pair']:,.0f} a pair{took}; {came}"
    yield from (f"Tries that failed: {tries}" for tries in tries_line(result))
    yield from (f"Cost: {cost}" for cost in cost_line(result))
    yield from asked_again(result, result["n_without_grade"])


def figure(measured: dict[str, Any]) -> str:
    """A value with its interval; a dash where there is none."""
    if measured["value"] is None or measured["value"] != measured["value"]:
        return "–"
    return f"{number(measured['value'])} [{number(measured['ci_low'])}, {number(measured['ci_high'])}]"


def matrix(table: list[list[int]], names: list[str], thresholds: list[float]) -> list[str]:
    """The confusion matrix, the highest label first, and what relevance became which label."""
    order = range(len(names))[::-1]
    rows = [(names[one], *(f"{table[one][other]:,}" for other in order)) for one in order]
    cuts = ", ".join(f"{name} from {cut:.3g}" for name, cut in zip(names[1:], thresholds, strict=True))
    return [*columns(("human \\ judge", *(names[one] for one in order)), rows), f"Relevance is {cuts}"]


VERB = Verb(
    benchmark,
    lines,
    examples=(
        "sie benchmark wands WANDS/dataset --variant relevance/graded --backend openai \\",
        "    --base-url http://127.0.0.1:8000/v1 --out runs/wands",
        "sie benchmark wands WANDS/dataset --variant relevance/graded --backend openai \\",
        "    --endpoints endpoints.yaml --thresholds-from 300 --max-cost 5 --out runs/wands-300",
        "sie benchmark esci shuttie/esci-us-small --variant relevance/esci --backend openai --dry-run",
    ),
    options={
        "dataset": Option("SET", argument=True),
        "data": Option(
            "DATA",
            "Where it lies: the folder of WANDS's files; of ESCI a file, a folder or a Hub id (owner/name).",
            argument=True,
        ),
        "column_map": Option(help="Column map in place of the ready one for the set."),
        "split": Option(
            help="Part of the set that pairs are drawn from (esci: test; wands: all of it); all: of every part."
        ),
        "out": OUT_FOLDER,
        "variant": Option("NAME"),
        "revision": Option("TEXT"),
    },
)
