"""``sie score``: the same scores however they are made, and nothing scored twice."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import IO

import pandas as pd
import psutil
import pytest

from sie_agent.commands.score import score
from sie_agent.commands.select import select
from sie_agent.commands.weights import weights
from sie_agent.labels import StudentSettings
from sie_agent.samples import load_samples
from sie_agent.scorer import distill_scorer, load_scorer, save_scorer
from sie_agent.selection import Recipe, recipe_in
from sie_agent.utils.progress import set_quiet

from ..soak import seeds
from .conftest import Sie, csv_text, log_rows

ROWS = 600
# as the command line, with chunks small enough for many parts
PROGRAM = """
import sys
from sie_agent.commands import score
score.ROWS_AT_ONCE = {rows}
from sie_agent.cli import main
if __name__ == "__main__":
    sys.exit(main())
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a log of many rows and a scorer."""
    folder = tmp_path_factory.mktemp("score")
    rows = [{**row, "title": f"{row['title']} {number}"} for number, row in enumerate(log_rows(ROWS))]
    (folder / "log.csv").write_text(csv_text(rows), encoding="utf-8")
    samples = load_samples(folder / "log.csv")
    labels = pd.DataFrame({"sample_id": samples["sample_id"], "support": samples["label"].astype(float)})
    labels = labels.assign(hardness=1 - labels["support"], value=samples["title"].str.len().astype(float))
    recipe = Recipe(by="value", strength=0.5, mean_label=float(samples["label"].mean()), chosen="rule", why="a test")
    small = StudentSettings(trees=8)
    save_scorer(distill_scorer(samples, labels, settings=small, recipe=recipe), folder / "scorer")
    set_quiet(True)
    score(folder / "scorer", folder / "log.csv", folder / "expected.parquet")
    set_quiet(False)
    return folder


@pytest.fixture
def program(tmp_path: Path) -> Callable[..., list[str]]:
    """The command of `sie score` in a process of its own, with chunks of so many rows."""

    def command(place: Path, rows: int, *options: str) -> list[str]:
        script = tmp_path / "program.py"
        script.write_text(PROGRAM.format(rows=rows), encoding="utf-8")
        named = ["--scorer", str(place / "scorer"), "--data", str(place / "log.csv"), "--out", "s.parquet"]
        return [sys.executable, str(script), "score", *named, *options]

    return command


def same(place: Path, found: Path) -> None:
    """The table is bit for bit what one process made of the log in one piece, and the recipe is with it."""
    assert recipe_in(found) == load_scorer(place / "scorer").recipe
    pd.testing.assert_frame_equal(pd.read_parquet(found), pd.read_parquet(place / "expected.parquet"), check_exact=True)


def test_query_and_label_pass_through(place: Path) -> None:
    scores, log = pd.read_parquet(place / "expected.parquet"), load_samples(place / "log.csv")
    assert list(scores.columns) == ["sample_id", "query", "item_id", "label", "value", "support", "hardness"]
    pd.testing.assert_frame_equal(
        scores[["sample_id", "query", "item_id", "label"]], log[["sample_id", "query", "item_id", "label"]]
    )


def test_the_recipe_goes_with_the_scores(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sie_agent.commands.score.ROWS_AT_ONCE", 250)
    said = score(place / "scorer", place / "log.csv", tmp_path / "s.parquet")
    assert said["recipe"] == "the log's own labels, weights by value of strength 0.5"
    same(place, tmp_path / "s.parquet")
    # what is selected is weighed by it too
    chosen = select(tmp_path / "s.parquet", tmp_path / "k.parquet", keep=0.5)
    assert chosen["by"] == "value" and recipe_in(tmp_path / "k.parquet") == load_scorer(place / "scorer").recipe
    told = weights(tmp_path / "s.parquet", tmp_path / "w.parquet")
    assert (told["chosen"], told["why"], told["by"]) == ("rule", "a test", "value") and told["rows"] == ROWS
    assert told["mean_weight"] == pytest.approx(1, abs=0.05)


def test_scores_of_a_scorer_without_a_recipe_have_none(place: Path, tmp_path: Path) -> None:
    save_scorer(replace(load_scorer(place / "scorer"), recipe=None), tmp_path / "scorer")
    assert score(tmp_path / "scorer", place / "log.csv", tmp_path / "s.parquet", limit=9)["recipe"] is None
    assert recipe_in(tmp_path / "s.parquet") is None


@pytest.mark.slow
@pytest.mark.parametrize("rows", [1, 7, 599, 600])
def test_scores_do_not_depend_on_the_size_of_chunks(
    place: Path, tmp_path: Path, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sie_agent.commands.score.ROWS_AT_ONCE", rows)
    limit = 40 if rows == 1 else None
    said = score(place / "scorer", place / "log.csv", tmp_path / "s.parquet", limit=limit)
    found = pd.read_parquet(tmp_path / "s.parquet")
    expected = pd.read_parquet(place / "expected.parquet").iloc[:limit]
    pd.testing.assert_frame_equal(found, expected, check_exact=True)
    assert said["rows"] == len(expected) and said["resumed"] == 0 and said["workers"] == 1
    assert [path.name for path in tmp_path.iterdir()] == ["s.parquet"]


@pytest.mark.slow
def test_scores_do_not_depend_on_the_workers(place: Path, program: Callable[..., list[str]], tmp_path: Path) -> None:
    command = program(place, 50, "--workers", "2", "--output", "json")
    ran = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    said = json.loads(ran.stdout)
    assert said["workers"] == 2 and said["rows"] == ROWS
    same(place, tmp_path / "s.parquet")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["program.py", "s.parquet"]


def parts(folder: Path) -> int:
    return len(list((folder / "s.parquet.parts").glob("*-*.parquet")))


@pytest.mark.slow
@pytest.mark.soak
@pytest.mark.parametrize("seed", seeds())
def test_killed_at_any_moment_it_goes_on(
    place: Path, program: Callable[..., list[str]], tmp_path: Path, seed: int
) -> None:
    """kill -9 when a drawn number of parts is there, four times over; then the rest. One process or two."""
    draw = random.Random(seed)
    command = program(place, 4, "--workers", str(1 + seed % 2), "--output", "json")
    done = 0
    for _ in range(4):
        running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        children: list[psutil.Process] = []
        wanted = done + draw.randint(1, 30)
        while running.poll() is None and parts(tmp_path) < wanted:
            time.sleep(0.002)
        time.sleep(draw.random() * 0.05)
        if running.poll() is None:
            children = psutil.Process(running.pid).children(recursive=True)
        running.kill()
        running.wait()
        # its workers do not stay behind
        _, alive = psutil.wait_procs(children, timeout=20)
        assert not alive
        done = parts(tmp_path)
        assert done >= wanted
    assert 0 < done < ROWS // 4 and not (tmp_path / "s.parquet").exists()
    said = json.loads(subprocess.run(command, capture_output=True, text=True, check=True, timeout=300).stdout)
    assert said["resumed"] == done * 4
    same(place, tmp_path / "s.parquet")
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix != ".lock") == ["program.py", "s.parquet"]


@pytest.mark.slow
def test_a_worker_that_dies_is_told_in_one_line(place: Path, program: Callable[..., list[str]], tmp_path: Path) -> None:
    command = program(place, 4, "--workers", "2", "--quiet")
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while parts(tmp_path) < 3 and running.poll() is None:
        time.sleep(0.002)
    workers = [
        child for child in psutil.Process(running.pid).children() if "resource_tracker" not in str(child.cmdline())
    ]
    os.kill(workers[0].pid, signal.SIGKILL)
    _, said = running.communicate(timeout=120)
    assert running.returncode == 1
    assert said.count("\n") == 1 and "a scoring process ended" in said and "goes on" in said


@pytest.fixture
def half_done(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run that failed after its third part, on a scorer and a log that tests may change."""
    shutil.copytree(place / "scorer", tmp_path / "scorer")
    shutil.copy(place / "log.csv", tmp_path / "log.csv")
    monkeypatch.setattr("sie_agent.commands.score.ROWS_AT_ONCE", 100)

    def three(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("sie_agent.scorer.workers.write_table", stopping_after(3))
        with pytest.raises(KeyboardInterrupt):
            score(tmp_path / "scorer", tmp_path / "log.csv", tmp_path / "s.parquet")
    assert parts(tmp_path) == 3
    return tmp_path


def stopping_after(count: int) -> Callable[[pd.DataFrame, Path], Path]:
    """`write_table`, until it was called so many times."""
    from sie_agent.samples.tables import write_table

    calls = iter(range(count))

    def write(frame: pd.DataFrame, path: Path) -> Path:
        if next(calls, None) is None:
            raise KeyboardInterrupt
        return write_table(frame, path)

    return write


def test_what_was_scored_is_not_scored_again(place: Path, half_done: Path, sie: Sie) -> None:
    command = ("score", "--scorer", "scorer", "--data", "log.csv", "--out", "s.parquet", "--workers", "1")
    ran = sie(*command)
    assert ran.code == 0 and "300 rows scored" in ran.out and "300 had been before" in ran.out
    assert "300 rows scored before" in ran.err
    same(place, half_done / "s.parquet")
    assert sie(*command, "--output", "json").json["resumed"] == 0


def test_a_damaged_part_is_made_again(place: Path, half_done: Path) -> None:
    damaged = min((half_done / "s.parquet.parts").glob("*-*.parquet"))
    damaged.write_bytes(damaged.read_bytes()[:-9])
    said = score(half_done / "scorer", half_done / "log.csv", half_done / "s.parquet")
    assert said["resumed"] == 200
    same(place, half_done / "s.parquet")


def test_killed_while_parts_are_put_together(place: Path, half_done: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("sie_agent.scorer.parts.read_table", stopped)
        with pytest.raises(KeyboardInterrupt):
            score(half_done / "scorer", half_done / "log.csv", half_done / "s.parquet")
    assert not (half_done / "s.parquet").exists() and parts(half_done) == 6
    monkeypatch.setattr("sie_agent.commands.log_rows.stream_samples", stopped)
    assert score(half_done / "scorer", half_done / "log.csv", half_done / "s.parquet")["resumed"] == ROWS
    same(place, half_done / "s.parquet")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda place: (place / "scorer" / "extra.txt").write_text("other"), "scorer"),
        (lambda place: os.utime(place / "log.csv", (1, 1)), "source"),
        (lambda place: (place / "s.parquet.parts" / "state.json").write_text("{"), "scorer, log columns, source"),
    ],
)
def test_parts_of_another_run_do_not_count(
    place: Path, half_done: Path, sie: Sie, change: Callable[[Path], None], word: str
) -> None:
    change(half_done)
    ran = sie("score", "--scorer", "scorer", "--data", "log.csv", "--out", "s.parquet")
    assert ran.code == 0 and f"other {word}" in ran.err and "starting again" in ran.err
    assert "600 rows scored" in ran.out
    same(place, half_done / "s.parquet")


@pytest.mark.slow
def test_other_texts_of_items_start_again(place: Path, tmp_path: Path, program: Callable[..., list[str]]) -> None:
    """The file of item texts that the map names is changed while nobody scores."""
    buys = [f"u{user},i{item},{user * 10 + item}" for user in range(40) for item in range(user % 5, user % 5 + 4)]
    (tmp_path / "log.csv").write_text("\n".join(["u,item_id,t", *buys]))
    (tmp_path / "map.yaml").write_text(
        "columns: {query: query, item_id: item_id, title: title, label: label}\n"
        "next_item: {events: true, user_id: u, item_id: item_id, timestamp: t, items: items.csv}\n"
    )

    def texts(word: str) -> None:
        (tmp_path / "items.csv").write_text("\n".join(["item_id,title", *(f"i{n},{word} {n}" for n in range(9))]))

    command = program(place, 20, "--map", "map.yaml", "--workers", "1", "--data", "log.csv")
    killed = "import os, sie_agent.scorer.workers as one; write, left = one.write_table, iter('ab')\n"
    killed += "one.write_table = lambda *given: write(*given) if next(left, None) else os._exit(9)\n"
    script = tmp_path / "program.py"
    whole = script.read_text()
    for word, rows in (("lamp", "resumed"), ("shelf", "starting again")):
        texts("lamp")
        script.write_text(killed + whole)
        assert subprocess.run(command, check=False, cwd=tmp_path, capture_output=True).returncode == 9
        assert parts(tmp_path) == 2
        if word != "lamp":
            texts(word)
        script.write_text(whole)
        ran = subprocess.run(command, check=False, cwd=tmp_path, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stderr
        assert ("other its files" in ran.stderr) == (rows == "starting again"), ran.stderr
        assert ("40 rows scored before" in ran.stderr) == (rows == "resumed"), ran.stderr
        (tmp_path / "s.parquet").unlink()


@pytest.mark.slow
def test_other_options_start_again(half_done: Path, sie: Sie) -> None:
    ran = sie("score", "--scorer", "scorer", "--data", "log.csv", "--out", "s.parquet", "--limit", "250")
    assert "other options" in ran.err and "250 rows scored" in ran.out


def test_a_card_beside_the_scorer_changes_nothing(half_done: Path) -> None:
    (half_done / "scorer" / "README.md").write_text("About this scorer")
    assert score(half_done / "scorer", half_done / "log.csv", half_done / "s.parquet")["resumed"] == 300


def test_two_at_once_do_not_mix(place: Path, tmp_path: Path, sie: Sie) -> None:
    from sie_agent.files.writing import exclusive_lock

    with exclusive_lock(tmp_path / "s.parquet"):
        ran = sie("score", "--scorer", place / "scorer", "--data", place / "log.csv", "--out", tmp_path / "s.parquet")
    assert ran.code == 1 and "another process is writing" in ran.err and ran.err.count("\n") == 1


def test_a_repeated_id_is_named(place: Path, tmp_path: Path, sie: Sie, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sie_agent.samples.unusable.repeated_ids.HASHES_IN_MEMORY", 100)
    monkeypatch.setattr("sie_agent.commands.score.ROWS_AT_ONCE", 50)
    rows = log_rows(400)
    rows[390]["sample_id"] = "s5"
    (tmp_path / "twice.csv").write_text(csv_text(rows), encoding="utf-8")
    ran = sie("score", "--scorer", place / "scorer", "--data", "twice.csv", "--out", "s.parquet", "--workers", "1")
    assert ran.code == 2 and ran.err.endswith("\n") and "twice.csv, row 391, field 'sample_id'" in ran.err
    assert not (tmp_path / "s.parquet").exists()


def test_a_negative_number_of_workers(place: Path, sie: Sie) -> None:
    ran = sie("score", "--scorer", place / "scorer", "--data", "sample", "--out", "s.parquet", "--workers", "-1")
    assert ran.code == 2 and "--workers" in ran.err


@pytest.mark.parametrize(
    ("data", "column_map", "out"),
    [
        ("logs/log.parquet", None, "logs/log.parquet"),
        ("logs/log.parquet", None, "./logs/../logs/log.parquet"),
        ("logs/log.parquet", None, "link.parquet"),
        ("logs", None, "logs/log.parquet"),
        ("logs", None, "logs/new.parquet"),
        ("logs/log.parquet", "map.parquet", "map.parquet"),
        ("logs/log.parquet", None, "scorer/new.parquet"),
    ],
)
def test_what_is_read_is_never_replaced(
    place: Path, tmp_path: Path, sie: Sie, data: str, column_map: str | None, out: str
) -> None:
    shutil.copytree(place / "scorer", tmp_path / "scorer")
    (tmp_path / "logs").mkdir()
    pd.DataFrame(log_rows(8)).to_parquet(tmp_path / "logs" / "log.parquet")
    (tmp_path / "map.parquet").write_text("columns: {title: title}\n")
    (tmp_path / "link.parquet").symlink_to(tmp_path / "logs" / "log.parquet")
    before = contents(tmp_path)
    options = [] if column_map is None else ["--map", column_map]
    ran = sie("score", "--scorer", "scorer", "--data", data, "--out", out, *options)
    assert ran.code == 2 and f"--out {Path(out)}" in ran.err and " read (" in ran.err and ran.err.count("\n") == 1
    assert contents(tmp_path) == before


def contents(folder: Path) -> dict[str, bytes]:
    """What every file of a folder holds."""
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_rows_that_lack_a_label_are_scored_as_unknown(place: Path, tmp_path: Path, sie: Sie) -> None:
    rows = log_rows(60)
    unknown = [{**row, "label": ""} for row in rows]
    some = [one if number % 3 else row for number, (row, one) in enumerate(zip(rows, unknown, strict=True))]
    found, said = {}, {}
    for name, log in {"all": rows, "none": unknown, "some": some}.items():
        (tmp_path / f"{name}.csv").write_text(csv_text(log), encoding="utf-8")
        ran = sie("score", "--scorer", place / "scorer", "--data", f"{name}.csv", "--out", f"{name}.parquet")
        assert ran.code == 0, ran.err
        found[name], said[name] = pd.read_parquet(tmp_path / f"{name}.parquet"), ran.err
    lack = [number % 3 != 0 for number in range(60)]
    expected = found["all"].where(~pd.Series(lack), found["none"])
    pd.testing.assert_frame_equal(found["some"], expected, check_exact=True)
    assert "no label" not in said["all"]
    assert "The data have no label" in said["none"] and "40 rows without a label" in said["some"]


def test_bad_input_leaves_nothing_behind_but_the_list_of_it(place: Path, tmp_path: Path, sie: Sie) -> None:
    rows = log_rows(10)
    rows[3]["title"] = " "
    (tmp_path / "bad.csv").write_text(csv_text(rows), encoding="utf-8")
    ran = sie("score", "--scorer", place / "scorer", "--data", "bad.csv", "--out", "s.parquet")
    assert ran.code == 2 and "row 4, field 'title'" in ran.err
    visible = sorted(path.name for path in tmp_path.iterdir() if not path.name.startswith("."))
    assert visible == ["bad.csv", "s.invalid-rows.csv"]


def test_a_lock_whose_file_went_meanwhile_is_taken_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one before removes its file between this one's opening it and locking it."""
    from sie_agent.errors import EnvironmentFailure
    from sie_agent.files import writing
    from sie_agent.files.writing import exclusive_lock

    lock, target = tmp_path / ".s.parquet.lock", tmp_path / "s.parquet"
    really, times = writing.fcntl.flock, iter([True])

    def late(stream: IO[str], how: int) -> None:
        if next(times, False):
            lock.unlink()
        really(stream, how)

    monkeypatch.setattr(writing.fcntl, "flock", late)
    with exclusive_lock(target), pytest.raises(EnvironmentFailure, match="another process"), exclusive_lock(target):
        pass
    assert list(tmp_path.iterdir()) == []
