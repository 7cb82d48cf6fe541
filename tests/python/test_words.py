"""Errors name parameters to a caller from Python, and options to whoever typed a command."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import typer

import sie_agent as sie
from sie_agent.cli import main
from sie_agent.cli.app import app
from sie_agent.errors import SieError
from sie_agent.utils.python_words import KNOWN, in_python, parameter_of

PACKAGE = Path(inspect.getfile(sie)).parent


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("Give another --out, or --overwrite to replace it.", "Give another out=, or overwrite=True to replace it."),
        ("say what to weigh by: --by value, or --by none and --blend 0.6 (in", None),
        ("Choose one, such as --split train (in a suite data.split), or --split all for", None),
        ("raise --max-cost or lower --concurrency.", "raise max_cost= or lower concurrency=."),
        ("--skip-invalid and --strict exclude", "skip_invalid=True and strict=True exclude"),
        ("For example --variants relevance/A relevance/B.", None),
        ("For example --set target.epochs=4.", 'For example overrides=["target.epochs=4"].'),
        ("give --map my.yaml", 'give column_map="my.yaml"'),
        ("Give --id or --row, or else --query and --title.", "Give ids= or rows=, or else query= and title=."),
        ("Give --model provider:name, such as openai:NAME", 'Give model="provider:name", such as openai:NAME'),
        ("`sie run quickstart --out runs/x` goes on", "`sie run quickstart --out runs/x` goes on"),
        ("pip install --no-deps llm", "pip install --no-deps llm"),
        ("`--no-balance` for the best", "`--no-balance` for the best"),
        ("or serve it with --no-adjustment.", "or serve it with adjust=False."),
        ("Give --out NAME.parquet.", 'Give out="NAME.parquet".'),
        ("a high -- low", "a high -- low"),
    ],
)
def test_options_become_parameters(said: str, expected: str | None) -> None:
    wanted = {
        "say what": 'say what to weigh by: by="value", or by="none" and blend=0.6 (in',
        "Choose": 'Choose one, such as split="train" (in a suite data.split), or split="all" for',
        "For exa": 'For example variants=["relevance/A", "relevance/B"].',
    }
    expected = expected or next(text for start, text in wanted.items() if said.startswith(start))
    assert in_python(said) == expected
    assert in_python(expected) == expected


def log(folder: Path) -> Path:
    """A small log in a file."""
    samples = sie.load_samples("sample", limit=40)
    path = folder / "log.parquet"
    samples.assign(label=(samples["grade"] > 0.5).astype(float)).to_parquet(path)
    return path


def calls(folder: Path, made: Any) -> dict[str, tuple[Any, str]]:
    """By name, a call that is wrong and what has to be said of its parameter."""
    data, scores, scorer, out = log(folder), made.scores, made.scorer, folder / "out"
    taken = folder / "taken.parquet"
    taken.write_bytes(scores.read_bytes())
    return {
        "limit": (lambda: sie.load_samples(data, limit=0), "load_samples(), parameter 'limit'"),
        "both": (lambda: sie.load_samples(data, skip_invalid=True, strict=True), "skip_invalid=True and strict=True"),
        "label out": (lambda: sie.label(data, "", variant="relevance/lexical"), "label(), parameter 'out'"),
        "label cost": (
            lambda: sie.label(data, out, variant="relevance/lexical", judge=sie.Judge("lexical"), max_cost=-1),
            "label(), parameter 'max_cost'",
        ),
        "judge": (lambda: sie.Judge("openai", concurrency=0), "Judge(), parameter 'concurrency'"),
        "distill": (lambda: sie.distill(made.judgments, data, out, simulate="x"), "parameter 'simulate'"),
        "score": (lambda: sie.score(scorer, data, taken), "or overwrite=True to replace"),
        "score suffix": (lambda: sie.score(scorer, data, folder / "a.csv"), 'Give out="NAME.parquet"'),
        "weights": (lambda: sie.weights(scores, folder / "w.parquet", by="valu"), "weights(), parameter 'by'"),
        "weights strength": (
            lambda: sie.weights(scores, folder / "w.parquet", strength=-1),
            "weights(), parameter 'strength'",
        ),
        "weigh_rows": (
            lambda: sie.weigh_rows(pd.read_parquet(scores).assign(label=1.0)),
            'by="value", or by="none" and blend=0.6',
        ),
        "select_rows": (lambda: sie.select_rows(pd.read_parquet(scores), 0.5, "valu"), "select_rows(), parameter 'by'"),
        "select": (lambda: sie.select(scores, folder / "s.parquet", keep=2), "select(), parameter 'keep'"),
        "rank": (lambda: sie.rank(scores, folder / "r.parquet", by=["planet"]), "rank(), parameter 'data'"),
        "explain": (lambda: sie.explain(scorer), "Give ids= or rows="),
        "attribute": (
            lambda: sie.attribute(data, folder / "a.parquet", references=["x"]),
            "attribute(), parameter 'references'",
        ),
        "run": (lambda: sie.run_suite("quickstart", out, overrides=["x"]), 'overrides=["target.epochs=4"]'),
        "suite": (lambda: sie.load_suite("quickstart", overrides=["x"]), "load_suite(), parameter 'overrides'"),
        "compare": (
            lambda: sie.compare_prompts(data, ["relevance/lexical"], out),
            'variants=["relevance/A", "relevance/B"]',
        ),
        "benchmark": (
            lambda: sie.benchmark("esci", data, out, variant="relevance/lexical", thresholds_from=1),
            "benchmark(), parameter 'thresholds_from'",
        ),
        "improve": (
            lambda: sie.improve_prompt(data, out, variant="relevance/plain", reflect_with="x"),
            "improve_prompt(), parameter 'reflect_with'",
        ),
        "benchmark out": (lambda: sie.benchmark("esci", data, variant="relevance/lexical"), "Give out="),
        "push": (lambda: sie.push_scorer(scorer), 'to="owner/name" for the Hugging Face Hub, or folder="DIR"'),
        "init": (
            lambda: (
                sie.init(data, folder / "i"),
                (folder / "i/log-map.yaml").write_text("a: 1"),
                sie.init(data, folder / "i"),
            ),
            "force=True",
        ),
        "prune": (lambda: sie.cache_prune(), "Give variant=, model=, status= or older_than=, or everything="),
        "serve": (lambda: sie.serve(scorer, port=-1), "serve(), parameter 'port'"),
        "limits": (lambda: sie.Limits(connections=0), "Limits(), parameter 'connections'"),
    }


def test_all_verbs_speak_python(made: Any, tmp_path: Path) -> None:
    for name, (call, says) in calls(tmp_path, made).items():
        with pytest.raises(SieError) as error:
            call()
        told = str(error.value)
        assert says in told, (name, told)
        assert not re.search(r"(?<![\w`-])--[a-z]", re.sub(r"`[^`]*`", "", told)), (name, told)


def test_commands_still_name_options(made: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "w.parquet")
    assert main(["weights", "--scores", str(made.scores), "--by", "valu", "--out", out]) == 2
    assert "--by: " in capsys.readouterr().err
    assert (
        main(
            [
                "label",
                "--data",
                "sample",
                "--variant",
                "relevance/lexical",
                "--backend",
                "lexical",
                "--concurrency",
                "0",
                "--out",
                out,
            ]
        )
        == 2
    )
    assert "--concurrency: " in capsys.readouterr().err
    # and a caller from Python is spoken to as before
    with pytest.raises(SieError, match=r"weights\(\), parameter 'by'"):
        sie.weights(made.scores, out, by="valu")


def test_every_option_of_a_message_is_a_parameter() -> None:
    """What the package's own sentences name is known, so that none of it reaches a caller from Python."""
    options = set()
    waiting: list[Any] = [typer.main.get_command(app)]
    while waiting:
        command = waiting.pop()
        waiting += getattr(command, "commands", {}).values()
        options |= {name[2:] for one in command.params for name in (*one.opts, *one.secondary_opts)}
    said: set[str] = set()
    for file in PACKAGE.rglob("*.py"):
        if file.parent.name == "cli":
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and "\n" not in node.value:
                said |= set(re.findall(r"(?<![\w-])--([a-z]+(?:-[a-z]+)*)", node.value))
    general = {"help", "version", "output", "quiet", "debug", "h", "yes", "dry-run"}
    # files that only the command line reads
    typed = {"trusted", "features"}
    unknown = {one for one in said & options if parameter_of(one) is None} - general - typed
    assert not unknown
    assert {"overwrite", "column_map", "max_cost"} <= KNOWN
