"""``sie run``: every stage of a suite, draw by draw, into one run folder; and the evaluation of what lies there."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from sie_agent.calibration import FITS
from sie_agent.errors import EXIT_DONE, EXIT_PARTIAL
from sie_agent.files.manifest import Manifest, command_line, digest, file_hash, write_text
from sie_agent.files.paths import user_path
from sie_agent.files.typed_json import write_document
from sie_agent.files.writing import exclusive_lock
from sie_agent.judging import JudgmentCache, Reasons
from sie_agent.labels import WEAK_LABELS, student_settings
from sie_agent.outputs import check_places, expanded, outputs
from sie_agent.report import write_report
from sie_agent.results import Agreement, RunManifest
from sie_agent.samples import IMPRESSIONS, pair_keys, without_grade
from sie_agent.samples.tables import log_hash, read_table, write_table
from sie_agent.scorer import TEXT_INPUTS
from sie_agent.selection import RELEVANCE
from sie_agent.suite.draw.asking import ask_judges, check_judges, rows_read
from sie_agent.suite.draw.downstream import run_downstream
from sie_agent.suite.draw.draw import CEILING, Draw, compute_references, start_draw, train_models, trains_held_out
from sie_agent.suite.draw.draw_files import forget, is_finished, load_draw, store_draw
from sie_agent.suite.draw.explanations import write_run_explanations
from sie_agent.suite.draw.judges import apply_judge
from sie_agent.suite.draw.rows_read import scored_rows_of
from sie_agent.suite.draw.world import World, build_world
from sie_agent.suite.failed import reasons_of
from sie_agent.suite.main_files import describe_with_figures, has_main_files, write_main_files
from sie_agent.suite.parts import NOT_ANSWERS, JudgePart
from sie_agent.suite.remaining import write_failures
from sie_agent.suite.settings import dump_suite, load_suite
from sie_agent.suite.stopped import check_finished
from sie_agent.suite.suite_paths import keep_inputs
from sie_agent.suite.summary.bench_summary import kept_briefly, seconds_of
from sie_agent.suite.summary.next_steps import write_next_steps
from sie_agent.suite.summary.summary import write_figures
from sie_agent.suite.work import is_its_own, run_folder, work_of
from sie_agent.utils.progress import bar, say
from sie_agent.utils.threads import one_thread

# of 5, ties count as the mean over their orders, and a word of a script without spaces is a character; of 6, where
# files lie does not count; of 7, rows that are held out have scores too, and scores keep to their range
FORMAT = 7
# what they answered is hashed by itself
WHO_ANSWERS = {*NOT_ANSWERS, "variant", "model"}


def run_suite(
    suite: str | Path,
    out: str | Path,
    *,
    overrides: Sequence[str] = (),
    retry_failed: bool = False,
    cache_path: str | Path | None = None,
    command: str | None = None,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Run a suite; go on where an earlier run of the same suite in the same folder stopped.

    Parameters
    ----------
    suite : YAML file, or the name of a suite that ships; overrides : ``key=value`` settings.
    retry_failed : ask judges again where the cache holds a lasting failure.
    out : the run folder; cache_path : of the judgment cache, the default one when not given.
    overwrite : replace what another suite, other settings or other work left there.
    command : what the manifest calls the command; that of this process when not given.

    Returns
    -------
    Summary: ``report``, ``verdict``, ``headline`` and ``exit_code`` (3 where some pairs have no judgment).

    Raises
    ------
    InputError : *out* holds something else, or is not a place to write; and see the stages.
    EnvironmentFailure : see the stages.

    Examples
    --------
    >>> import sie_agent as sie
    >>> result = sie.run_suite("small.yaml", "runs/small", overrides=["target.epochs=2"])
    >>> result["report"], result["exit_code"]
    ('runs/small/report.html', 0)
    """
    resolved = load_suite(suite, overrides)
    target = run_folder(out)
    work = work_of(resolved, suite, target)
    check_places([target], {**work.reads, **work.uses}, cache_path)
    check_judges(resolved)
    manifest, folder = Manifest(command or command_line(), seeds=list(resolved.draws)), target.path
    with (
        outputs(work, target, overwrite=overwrite or is_its_own(resolved, suite, target), cache_path=cache_path),
        JudgmentCache(cache_path) as cache,
    ):
        with manifest.stage("samples and features"):
            say(f"Reading {resolved.data.source} and computing text features")
            with one_thread():
                world = build_world(resolved, cache, folder)
                world.retry_failed = retry_failed
                draws = [start_draw(world, seed, place) for place, seed in enumerate(resolved.draws)]
        with manifest.stage("judging"):
            losses = ask_judges(world, draws)
        resolved = losses.suite
        # from here on the folder is this suite's
        write_text(folder / "suite.yaml", dump_suite(keep_inputs(resolved, folder)))
        write_failures(folder, losses.failures)
        for draw in draws:
            run_draw(draw, folder, manifest)
        account(world, manifest)
        write_table(world.judgments_table(), folder / "judgments.parquet")
        with manifest.stage("agreement"):
            say("Computing agreement, intervals and controls")
            stored = [load_draw(folder, seed) for seed in resolved.draws]
            figures = write_figures(folder, resolved, stored)
        if resolved.downstream.keep:
            manifest.extra["training_seconds"] = seconds_of(resolved.downstream.keep, stored)
        with manifest.stage("explanations"):
            write_run_explanations(folder)
        write_document(folder / "manifest.json", RunManifest, manifest.as_dict())
        return finish(folder, figures, world.judgments_table())


def evaluate_run(run_dir: str | Path) -> dict[str, Any]:
    """Recompute the figures and the report of a run folder from its draws; nothing is judged or trained.

    Parameters
    ----------
    run_dir : the folder of a finished run.

    Returns
    -------
    As :func:`run_suite`.

    Raises
    ------
    InputError : the folder holds no finished run.

    Examples
    --------
    >>> import sie_agent as sie
    >>> first = sie.run_suite("small.yaml", "runs/small")
    >>> sie.evaluate_run("runs/small")["headline"] == first["headline"]
    True
    """
    folder = expanded(run_dir, "RUN_DIR")
    check_finished(folder)
    suite = load_suite(folder / "suite.yaml", told=False)
    with exclusive_lock(folder):
        figures = write_figures(folder, suite, [load_draw(folder, seed) for seed in suite.draws])
        return finish(folder, figures, read_table(folder / "judgments.parquet"))


def finish(folder: Path, figures: Agreement, judgments: pd.DataFrame) -> dict[str, Any]:
    """Write what to go on with and the report, add the figures to the scorer's card, and say what came out."""
    unanswered = without_grade_of(judgments)
    describe_with_figures(folder, figures)
    write_next_steps(folder)
    report, content = write_report(folder), figures.as_json()
    agreed = content["agreement"]
    scored = [row for row in figures.rows if row.source == "scorer" and row.judge == agreed["judge"]]
    rows = [row for row in scored if (row.label, row.reference) == (agreed["label"], agreed["reference"])]
    return {
        "report": str(report),
        "verdict": content["verdict"],
        "headline": content["headline"],
        "agreement": {**agreed, "mode": figures.mode, "metrics": {row.metric: row.value for row in rows}},
        "reliability": {
            row.metric: {"value": row.value, "bound": row.bound}
            for row in figures.reliability
            if row.reference == agreed["reference"]
        },
        "scored": scored_rows_of(folder),
        "kept": kept_briefly(figures, folder / "manifest.json"),
        "failed": content["failed"],
        "instead_of": figures.instead_of,
        "pairs_without_grade": failed_pairs(judgments),
        "reasons": {aspect: reasons.as_list() for aspect, reasons in unanswered.items()},
        "exit_code": EXIT_PARTIAL if unanswered or content["failed"] else EXIT_DONE,
    }


def run_draw(draw: Draw, folder: Path, manifest: Manifest) -> None:
    """One draw, unless it is finished already; the first draw also gives the run folder its main files."""
    world, seed, suite = draw.world, draw.seed, draw.world.suite
    judges, tried, place, key = draw.judges, draw.bench_judges, draw.place, draw_key(draw)
    if place == 0:
        manifest.hashes["log"] = log_hash(world.samples.assign(label=draw.label))
    if is_finished(folder, seed, key) and (place > 0 or has_main_files(folder, suite.primary.name, seed, key)):
        say(f"Draw {seed}: finished earlier, kept")
        return
    forget(folder, seed)
    # without references nothing is asked of the other judges' labels: the bench makes its own, fold by fold
    everyone = [*judges, CEILING] if draw.has_references else [judge for judge in judges if judge == suite.primary]
    with manifest.stage(f"draw {seed}"), bar(f"Draw {seed}", steps_of(draw, everyone, tried)) as shown, one_thread():
        started = time.perf_counter()
        train_models(draw, shown.advance)
        compute_references(draw, shown.advance)
        for judge in everyone:
            apply_judge(draw, judge, shown.advance)
        bench = run_downstream(draw, tried, shown.advance) if tried else None
        if place == 0:
            write_main_files(draw, folder, key)
        draw.facts["seconds"] = round(time.perf_counter() - started, 1)
    store_draw(draw, bench, folder, key)


def draw_key(draw: Draw) -> str:
    """What a finished draw depends on: the suite's settings, the samples, the log, and what its real judges said."""
    world = draw.world
    settings = world.suite.model_dump(
        mode="json",
        # where files lie is not what is in them: the samples are hashed below
        exclude=dict.fromkeys(("draws", "headline_judge", "headline_reference", "name", "judges"), True)
        | {"data": {"source", "map", "grades"}},
    )
    # what is left to the scorer's defaults may change with the program
    chosen = world.suite.scorer.of_students
    for part in (settings["target"], settings["labels"]["proxy"] or {}):
        # as before there were other inputs, so that finished draws stay finished
        if part.get("inputs") == [TEXT_INPUTS]:
            del part["inputs"]
    if world.blocks:
        settings["inputs"] = list(world.suite.scorer.inputs)
    settings["scorer"] = {label: asdict(student_settings(label, **chosen)) for label in made_of_relevance()}
    everyone = list(dict.fromkeys([*draw.judges, *draw.bench_judges]))
    said = {
        judge.name: digest(world.relevance(judge, rows_read(draw, judge)).tobytes())
        for judge in everyone
        if judge.name in world.judgments
    }
    asked = [judge_key(judge) for judge in everyone]
    rows = without_grade(world.samples).to_csv(index=False)
    read = digest("\n".join([rows, world.grade.tobytes().hex(), world.clarity.tobytes().hex()]))
    log = log_hash(world.samples.assign(label=draw.label))
    primary = world.suite.primary.name
    return digest(json.dumps([FORMAT, settings, draw.seed, asked, said, log, read, primary], sort_keys=True))


def made_of_relevance() -> list[str]:
    """The weak labels that a run makes: its judges are asked for relevance."""
    return [name for name, label in WEAK_LABELS.items() if label.aspect == RELEVANCE]


def judge_key(judge: JudgePart) -> dict[str, Any]:
    """What a finished draw depends on of a judge, beside what it said; of a calibration file, its content."""
    told = {**judge.model_dump(mode="json", exclude=WHO_ANSWERS), "by_rank": judge.is_ranked}
    if judge.calibration is not None and judge.calibration not in FITS:
        told["calibration"] = file_hash(user_path(judge.calibration))
    # draws of earlier versions know of neither
    return {name: value for name, value in told.items() if value is not None or name not in ("calibration", "panel")}


def steps_of(draw: Draw, judges: Sequence[JudgePart], tried: Sequence[JudgePart]) -> int:
    """How many steps the bar of a draw has.

    Parameters
    ----------
    judges : whose labels are made; tried : whose labels are tried downstream, each with its twin.
    """
    suite = draw.world.suite
    steps = suite.labels.proxies + 2 * trains_held_out(suite) + len(made_of_relevance()) * len(judges)
    if draw.has_references:
        steps += suite.target.seeds + len(suite.references) + suite.evaluation.permutations * (len(judges) - 1)
    if tried:
        part, answers = suite.downstream, 2 * len(tried)
        steps += part.folds * (answers + len(part.rankers) * (1 + answers + bool(part.keep)))
    return steps


def account(world: World, manifest: Manifest) -> None:
    """Counts and tokens of the judging, for the manifest."""
    table = world.judgments_table()
    pairs = table[table["aspect"] == "relevance"] if len(table) else table
    asked = pairs[~pairs["cached"].astype(bool)] if len(pairs) else pairs
    shown = world.samples[IMPRESSIONS] if IMPRESSIONS in world.samples else pd.Series(1, world.samples.index)
    manifest.counts.update(
        samples=len(world.samples),
        impressions=int(shown.sum()),
        pairs=pair_keys(world.samples).nunique(),
        queries=len(world.query_names),
        judged=len(pairs),
        cached=len(pairs) - len(asked),
        failed=failed_pairs(table),
    )
    for kind in ("input", "output"):
        # those of a judge that broke off too: its answers are in no table, and were paid for
        manifest.tokens[kind] = sum(one["tokens"][kind] for one in world.asked.values())
    if world.asked:
        manifest.extra["judges"] = world.asked
        costs = [one["cost"] for one in world.asked.values() if one["cost"] is not None]
        manifest.cost = sum(costs) if costs else None
    manifest.hashes["suite"] = digest(dump_suite(world.suite))
    manifest.hashes["samples"] = digest(
        "\n".join(world.samples["sample_id"] + "\t" + world.samples["query"] + "\t" + world.samples["title"])
    )


def failed_pairs(judgments: pd.DataFrame) -> int:
    """Number of relevance judgments without an answer that could be read."""
    return without_grade_of(judgments).get("relevance", Reasons()).counts.total()


def without_grade_of(judgments: pd.DataFrame) -> dict[str, Reasons]:
    """Why pairs have no judgment, by aspect, where some have none.

    A query of which no word is in the catalogue is not a failure of anybody's.
    """
    if judgments.empty:
        return {}
    told = judgments if "detail" in judgments.columns else judgments.assign(detail="")
    asked = told[told["status"] != "no-match"]
    found = {str(aspect): reasons_of(table) for aspect, table in asked.groupby("aspect")}
    return {aspect: reasons for aspect, reasons in found.items() if reasons.counts}
