"""What to do next: each step with the file that the run wrote for it and the command that uses it."""

from __future__ import annotations

import shlex
import shutil
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sie_agent.errors import InputError
from sie_agent.judging import default_variant, load_variant
from sie_agent.report import pick
from sie_agent.report.number_words import count
from sie_agent.report.read import RunFolder
from sie_agent.samples import SHORTHANDS, is_generated
from sie_agent.selection import RELEVANCE
from sie_agent.utils.redact import redacted

# judges that are worked out and not asked: a command needs one that reads texts
MADE_UP = ("simulated", "random", "positions", "between")
EXAMPLE: dict[str, Any] = {"name": "embedded", "kind": "local", "variant": "relevance/query-likelihood"}


@dataclass(frozen=True)
class Action:
    """A command to copy: what it does, and its lines."""

    told: str
    command: str


@dataclass(frozen=True)
class ShownStep:
    """One thing to do: a heading, why, commands, and a file beside the page (empty: none) with what it is."""

    title: str
    told: str
    actions: list[Action]
    file: str = ""
    file_words: str = ""


def program() -> list[str]:
    """How to call this program: by name if the shell finds it, else as it was called."""
    called = Path(sys.argv[0])
    if shutil.which("sie"):
        return ["sie"]
    return [str(called)] if called.name == "sie" else [sys.executable, "-m", "sie_agent"]


def line(*parts: str) -> str:
    """A command, quoted for a shell."""
    return shlex.join([*program(), *parts])


def weights_action(run: RunFolder) -> Action:
    """The weights of this run's log."""
    scored = f"a target and a weight for {count(len(run.scores) + run.held_out, 'row', 'rows')}, all that have a score"
    wanted = run.agreement.verdict.use in ("use", "unknown")
    told = f"Writes {scored}" if wanted else f"If you want them anyway: {scored}"
    command = line("weights", "--scores", str(run.path / "scores.parquet"), "--out", str(run.path / "weights.parquet"))
    return Action(f"{told}.{not_learned(run)}", command)


def not_learned(run: RunFolder) -> str:
    """Which of these rows were held out, or how many rows of the data have no score, and what gives them one."""
    if run.held_out:
        has = "is of a query" if run.held_out == 1 else "are of queries"
        return (
            f" {run.held_out:,} of them {has} that the run held out to choose and to test on (`held_out` in "
            "scores.parquet): the scorer learned nothing from those."
        )
    if without := max(len(run.samples) - len(run.scores), 0):
        has = "is of a query that the run held out and has" if without == 1 else "are of queries held out and have"
        return f" {count(without, 'row', 'rows')} {has} none: `sie score` with the run's scorer gives one."
    return ""


def check_action(run: RunFolder, sample_id: str) -> Action:
    """Why one row has its score."""
    files = ("--scorer", str(run.path / "scorer"), "--data", str(run.path / "samples.parquet"))
    return Action(
        "Shows for one row which words speak for a fit and which against:",
        line("explain", *files, "--id", sample_id, "--by", RELEVANCE),
    )


def next_steps(run: RunFolder) -> list[ShownStep]:
    """The steps, the most useful first."""
    data = run.suite.get("data")
    source = str(data.get("source")) if isinstance(data, dict) else ""
    shipped = source in SHORTHANDS or is_generated(source)
    return [judge_step(run), grade_step(run), *([own_step()] if shipped else [])]


def judge_step(run: RunFolder) -> ShownStep:
    """Which rows the judge should read next."""
    step = run.steps.get("judge")
    if step is None:
        return all_judged(run)
    judges = asked_judges(run)
    names = [f"judged-next-{one.get('name')}" if len(judges) > 1 else "judged-next" for one in judges]
    out = [str(run.path / name) for name in names]
    data = ("--data", str(run.path / step.file))
    commands = [
        line("label", *data, *backend(one, run.path), "--out", folder) for one, folder in zip(judges, out, strict=True)
    ]
    commands.append(distill(run, "judged-more", *(part for folder in out for part in ("--judgments", folder))))
    told = (
        f"{count(step.rows, 'row', 'rows')} of {count(step.queries, 'query', 'queries')} that the scorer "
        "has not learned from. It is least sure whether their labels are right, and they matter most in training, so "
        "a judgment changes more here than elsewhere."
    )
    about_command = "Asks the judge, then distills a scorer from the old and the new judgments:"
    action = Action(about_command, " && \\\n".join(commands))
    return ShownStep("Let the judge read these rows next", told, [action], step.file, "the rows, for sie label")


def all_judged(run: RunFolder) -> ShownStep:
    """Nothing is left to ask: distill from all answers, of which the run held some back."""
    told = "The judge has read every row of this log: nothing is left to ask it."
    if not whose(run, asked_judges(run)):
        return ShownStep("Let the judge read more", told, [])
    told += (
        " The scorer of this run learned from part of the answers, so that it could be tested on the rest. For use, "
        "distill one from all of them."
    )
    action = Action("Makes a scorer for your whole log:", distill(run, "distilled"))
    return ShownStep("Distill a scorer from all answers", told, [action])


def grade_step(run: RunFolder) -> ShownStep:
    """Which pairs people should grade next."""
    title, step = "Grade these pairs next", run.steps.get("grade")
    if step is None:
        graded = int(run.samples["grade"].notna().sum())
        told = (
            f"All {graded:,} pairs of this run have a grade: nothing is left to grade here. More certainty takes more "
            "queries: add some, and run again."
        )
        return ShownStep(title, told, [])
    told = (
        f"{count(step.rows, 'pair', 'pairs')} of {count(step.queries, 'query', 'queries')}, query by "
        "query; the queries in which judge and log differ most come first, since they show soonest which of the two is "
        "right. Fill in the last column: 1 for just what was asked for, 0 for no use, 0.5 for in between. Begin at the "
        "top and stop after any query; at least a dozen queries are needed."
    )
    file = str(run.path / step.file)
    settings = [f"data.grades={file}", "data.only_graded=true", "downstream.draws=3"]
    if "tune" not in (run.suite.get("query_sets") or {}):
        settings.append("query_sets={log-judged: 0.4, log-unseen: 0.45, tune: 0.15}")
    sets = [part for setting in settings for part in ("--set", setting)]
    tested = line("run", str(run.path / "suite.yaml"), *sets, "--out", f"{run.path}-graded")
    about_test = "Tests what they do to a ranker, on the queries that you graded whole, and gives a verdict:"
    actions = [
        Action("Chooses target and weights by your grades:", distill(run, "graded", "--grades", file)),
        Action(about_test, tested),
    ]
    return ShownStep(title, told, actions, step.file, "a table for a spreadsheet")


def own_step() -> ShownStep:
    """The same for a log of the reader's own."""
    told = "All of this page, about your log. A table with query, item, title and what was clicked is enough."
    guess = "For your own log: this guesses what its columns mean and writes a suite for you to check; then run that."
    first = line("init", "my-log.csv", "--out", "mine")
    action = Action(guess, f"{first} && \\\n{line('run', 'mine/my-log-suite.yaml', '--out', 'runs/my-log')}")
    return ShownStep("Do the same with a log of your own", told, [action])


def distill(run: RunFolder, out: str, *more: str) -> str:
    """A scorer of the run's judgments of its judge, about its own log and settings."""
    own = whose(run, asked_judges(run))
    about = ("--data", str(run.path / "samples.parquet"), "--suite", str(run.path / "suite.yaml"))
    return line("distill", "--judgments", str(run.path), *more, *own, *about, "--out", str(run.path / out))


def asked_judges(run: RunFolder) -> list[dict[str, Any]]:
    """The suite's entry for the verdict's judge, or for its members; a shipped one in place of a made-up judge."""
    told = run.suite.get("judges")
    judges = {str(one.get("name")): one for one in told if isinstance(one, dict)} if isinstance(told, list) else {}
    own = judges.get(pick.primary_judge(run) or "", EXAMPLE)
    members = [judges[name] for name in own.get("members") or () if name in judges] or [own]
    return [one if one.get("kind") not in (*MADE_UP, "panel") else EXAMPLE for one in members]


def backend(judge: dict[str, Any], folder: Path) -> list[str]:
    """The options of ``sie label`` that stand for a judge of the suite in a run folder."""
    kind = str(judge.get("kind") or "local")
    found = ["--backend", kind, "--variant", str(kept_variant(judge, folder) or variant_of(judge, folder))]
    for option, key in (("--model", "model"), ("--base-url", "base_url"), ("--revision", "revision")):
        if judge.get(key):
            found += [option, redacted(str(judge[key]))]
    return [*found, "--endpoints", "endpoints.yaml"] if judge.get("endpoints") else found


def kept_variant(judge: dict[str, Any], folder: Path) -> Path | None:
    """The run folder's copy of a judge's own prompt variant; None where the variant ships."""
    told = str(judge.get("variant") or "")
    path = folder / told
    return path if told.endswith((".yaml", ".yml")) and path.is_file() else None


def variant_of(judge: dict[str, Any], folder: Path) -> str:
    """The name of a judge's prompt variant, as it stands in the judgments of the run folder."""
    path = kept_variant(judge, folder)
    if path is not None:
        with suppress(InputError):
            return load_variant(path).name
    return str(judge.get("variant") or default_variant(str(judge.get("kind"))) or "relevance/graded")


def whose(run: RunFolder, judges: list[dict[str, Any]]) -> list[str]:
    """The options of ``sie distill`` that choose the judgments of a judge, or of a panel."""
    if "variant" not in run.judgments.columns or "model" not in run.judgments.columns:
        return []
    asked = run.judgments["variant"].astype(str).str.split("+", regex=False).str[0]
    models = []
    for judge in judges:
        there = run.judgments.loc[asked == variant_of(judge, run.path), "model"].dropna().astype(str).unique().tolist()
        if len(there) != 1:
            return []
        models += there
    found = [part for model in models for part in ("--model", model)]
    return found if len(judges) > 1 else [*found, "--variant", variant_of(judges[0], run.path)]
