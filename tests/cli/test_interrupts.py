"""Ctrl-C, SIGTERM, readers that go away, terminals that cannot spell, kill -9: no traceback, nothing left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest

from sie_agent.files.writing import Unfinished, exclusive_lock, remove_leftovers
from sie_agent.samples.tables import TableWriter, write_table

from .conftest import csv_text, log_rows

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = "import sys; from sie_agent.cli import main; print('ready', file=sys.stderr, flush=True); sys.exit(main())"
LABEL = ("label", "--data", "log.csv", "--variant", "relevance/lexical", "--backend", "lexical", "--out", "out")
ROWS = 1_500_000


def surroundings(**more: str) -> dict[str, str]:
    """The environment of a program that is run from here."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **more}


def start(*typed: str, **more: str) -> subprocess.Popen[bytes]:
    """The program in a group of its own, once it has its first line behind it."""
    command = [sys.executable, "-c", PROGRAM, *typed]
    pipe = subprocess.PIPE
    started = subprocess.Popen(command, stdout=pipe, stderr=pipe, env=surroundings(**more), start_new_session=True)
    assert started.stderr is not None and started.stderr.readline() == b"ready\n"
    return started


def ended(process: subprocess.Popen[bytes], number: int, seconds: float) -> tuple[int, str]:
    """Exit code and standard error of a program that gets a signal after some seconds."""
    time.sleep(seconds)
    if process.poll() is None:
        os.killpg(process.pid, number)
    _, told = process.communicate(timeout=60)
    return process.returncode, told.decode()


@pytest.fixture
def log_here(tmp_path: Path) -> Path:
    (tmp_path / "log.csv").write_text(csv_text(log_rows()), encoding="utf-8")
    return tmp_path


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scores file that takes seconds to be read."""
    path = tmp_path_factory.mktemp("large") / "scores.parquet"
    number = pd.Series(range(ROWS))
    table = {"sample_id": number.astype(str), "query": (number % 9000).astype(str), "label": (number % 3 == 0) * 1.0}
    write_table(pd.DataFrame({**table, "support": number * 7919 % ROWS / ROWS}), path)
    return path


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_a_signal_after_the_work_is_no_failure(log_here: Path, number: int) -> None:
    # the two signals take turns on the way through the time after the work
    for step in range(number == signal.SIGTERM, 12, 2):
        process = start(*LABEL)
        assert process.stdout is not None and process.stdout.readline()
        code, told = ended(process, number, step / 40)
        assert code == 0 or (code == 130 and told.splitlines()[-1].startswith("sie: stopped")), (step, code, told)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_a_signal_at_any_time_of_the_first_second(log_here: Path, number: int) -> None:
    ends = [ended(start(*LABEL), number, step / 20) for step in range(number == signal.SIGTERM, 20, 2)]
    # the last ones may have been through, or on their way out
    assert {code for code, _ in ends} <= {130, 0} and [code for code, _ in ends].count(130) >= 5
    for code, told in ends:
        assert "Traceback" not in told and "Exception" not in told, told
        assert code != 130 or told.splitlines()[-1].startswith("sie: stopped")
    assert not list(log_here.rglob(".*.part")) and not list(log_here.rglob("*.lock"))


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
@pytest.mark.parametrize(
    "typed",
    [
        ("select", "--keep", "0.5", "--by", "support", "--out", "new.parquet", "--dropped", "d.parquet"),
        ("weights", "--by", "support", "--blend", "0", "--out", "new.parquet"),
        ("rank", "--by", "query", "--score", "support", "--out", "new.parquet"),
    ],
    ids=["select", "weights", "rank"],
)
def test_a_signal_in_the_middle_of_the_work(large: Path, tmp_path: Path, typed: tuple[str, ...], number: int) -> None:
    process = start(*typed, "--scores", str(large), "--quiet")
    wait_for(lambda: list(tmp_path.glob(".new.parquet.*.part")))
    code, told = ended(process, number, 0.1)
    assert code == 130 and told.startswith("sie: stopped") and told.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_signal_while_judging_is_read_from_the_cache(tmp_path: Path) -> None:
    """What was not asked because of the signal is not a failure of the judge."""
    typed = ("label", "--data", "generated:800", *LABEL[3:])
    process = start(*typed, "--quiet")
    assert process.wait(timeout=120) == 0
    before = (tmp_path / "out" / "judgments.parquet").read_bytes()
    process = start(*typed, "--quiet")
    wait_for(lambda: list((tmp_path / "out").glob(".judgments.parquet.*.part")))
    code, told = ended(process, signal.SIGINT, 0.0)
    assert code in (130, 0) and "Traceback" not in told
    assert code == 0 or (tmp_path / "out" / "judgments.parquet").read_bytes() == before
    assert set(pd.read_parquet(tmp_path / "out" / "judgments.parquet")["status"]) == {"ok"}


@pytest.mark.slow
def test_an_interrupted_process_answers_as_json(large: Path, tmp_path: Path) -> None:
    typed = ("weights", "--by", "support", "--blend", "0", "--out", "new.parquet")
    process = start(*typed, "--scores", str(large), "--output", "json")
    wait_for(lambda: list(tmp_path.glob(".new.parquet.*.part")))
    code, told = ended(process, signal.SIGINT, 0.1)
    assert code == 130 and json.loads(told)["exit_code"] == 130


@pytest.mark.slow
@pytest.mark.parametrize(
    "typed", [("--help",), ("select", "--help"), ("doctor",), ("doctor", "--output", "json"), ("--version",), LABEL]
)
def test_a_reader_that_goes_away(log_here: Path, typed: tuple[str, ...]) -> None:
    command = f'"{sys.executable}" -m sie_agent "$@" | head -c 1 >/dev/null; echo "${{PIPESTATUS[0]}}"'
    ran = subprocess.run(
        ["bash", "-c", command, "sie", *typed], capture_output=True, text=True, check=True, env=surroundings()
    )
    assert ran.stdout.strip() in ("0", "1" if typed[0] == "doctor" else "0")
    assert "Traceback" not in ran.stderr and "BrokenPipe" not in ran.stderr and "Exception" not in ran.stderr


@pytest.mark.slow
def test_nobody_reads_what_is_said(log_here: Path) -> None:
    """The work goes on where standard error is closed meanwhile, or from the beginning."""
    for how in ('2>&1 >/dev/null | head -c 0; echo "${PIPESTATUS[0]}"', '2>&- >/dev/null; echo "$?"'):
        command = f'"{sys.executable}" -m sie_agent "$@" {how}'
        ran = subprocess.run(
            ["bash", "-c", command, "sie", *LABEL], capture_output=True, text=True, check=True, env=surroundings()
        )
        assert ran.stdout.strip() == "0" and (log_here / "out" / "judgments.parquet").exists()


@pytest.mark.slow
def test_a_full_disk_under_standard_output(log_here: Path) -> None:
    command = f'"{sys.executable}" -m sie_agent "$@" >/dev/full'
    ran = subprocess.run(["bash", "-c", command, "sie", *LABEL], capture_output=True, text=True, env=surroundings())
    assert ran.returncode == 1 and ran.stderr.splitlines()[-1].startswith("sie: no space left")
    assert "Traceback" not in ran.stderr and "Exception" not in ran.stderr


@pytest.mark.slow
@pytest.mark.parametrize("form", ["human", "json"])
def test_a_terminal_that_knows_ascii_alone(log_here: Path, form: str) -> None:
    (log_here / "log.csv").rename(log_here / "bücher→.csv")
    ascii_only = surroundings(PYTHONIOENCODING="ascii", LC_ALL="C")
    command = [sys.executable, "-m", "sie_agent", "--output", form]
    for typed in (("init", "bücher→.csv"), ("label", "--data", "bücher→.csv", *LABEL[3:]), ("--help",), ("doctor",)):
        ran = subprocess.run([*command, *typed], capture_output=True, env=ascii_only, check=False)
        assert ran.returncode in (0, 1 if typed[0] == "doctor" else 0), ran.stderr
        assert ran.stdout.isascii() and ran.stderr.isascii() and b"Traceback" not in ran.stderr
        if form == "json" and typed[0] != "--help":
            json.loads(ran.stdout)


@pytest.mark.slow
@pytest.mark.parametrize("typed", [("init", "bücher.csv"), ("label", "--data", "bücher.csv", *LABEL[3:])])
def test_names_that_the_locale_cannot_spell(log_here: Path, typed: tuple[str, ...]) -> None:
    (log_here / "log.csv").rename(log_here / "bücher.csv")
    no_utf8 = surroundings(LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    ran = subprocess.run([sys.executable, "-m", "sie_agent", *typed], capture_output=True, env=no_utf8, check=False)
    said = ran.stderr.decode("ascii").splitlines()
    assert ran.returncode == 0 or (ran.returncode == 1 and "PYTHONUTF8=1" in said[-1]), ran.stderr
    assert b"Traceback" not in ran.stderr and b"unexpected" not in ran.stderr


KILLED = {
    "table": "writer = TableWriter(target).__enter__(); writer.write(pd.DataFrame({'a': [1]}))",
    "text": "unfinished = Unfinished(target); unfinished.stream.write(b'half'); unfinished.stream.flush()",
    "folder": "target.mkdir(exist_ok=True); unfinished = Unfinished(target / 'manifest.json')",
}


def killed(target: Path, how: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is in the middle of writing, and is killed when the generator goes on."""
    head = (
        "import sys, time; from pathlib import Path; import pandas as pd\n"
        "from sie_agent.samples.tables import TableWriter\n"
    )
    head += "from sie_agent.files.writing import Unfinished, exclusive_lock\ntarget = Path(sys.argv[1])\n"
    code = f"{head}{KILLED[how]}\nprint('half', flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code, target], stdout=subprocess.PIPE, env=surroundings()) as process:
        assert process.stdout is not None and process.stdout.readline() == b"half\n"
        yield process
        process.kill()


@pytest.mark.slow
@pytest.mark.parametrize("how", KILLED)
def test_what_a_killed_process_left_goes_and_what_others_have_stays(tmp_path: Path, how: str) -> None:
    target = tmp_path / ("new" if how == "folder" else "new.parquet")
    others = [tmp_path / ".new.parquet.backup.part", tmp_path / ".other.parquet.abcd1234.part", tmp_path / "x.part"]
    for path in others:
        path.write_text("mine")
    writing = killed(target, how)
    next(writing)
    half = [path for path in tmp_path.rglob(".*.part") if path not in others]
    assert len(half) == 1
    remove_leftovers(target)
    assert half[0].exists(), "its process lives"
    assert next(writing, None) is None
    remove_leftovers(target)
    assert not half[0].exists() and all(path.read_text() == "mine" for path in others)


@pytest.mark.slow
def test_the_next_run_tidies_up(large: Path, tmp_path: Path) -> None:
    typed = ("select", "--keep", "0.5", "--by", "support", "--out", "new.parquet", "--dropped", "d.parquet")
    for _ in range(2):
        process = start(*typed, "--scores", str(large), "--quiet")
        wait_for(lambda: list(tmp_path.glob(".d.parquet.*.part")))
        process.kill()
        process.communicate()
        assert list(tmp_path.glob(".new.parquet.*.part"))
    assert len(list(tmp_path.glob(".new.parquet.*.part"))) == 1, "the second run removed what the first left"
    process = start(*typed, "--scores", str(large), "--quiet")
    assert process.wait(timeout=120) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["d.parquet", "new.parquet"]


def test_an_error_leaves_neither_lock_nor_half_a_file(tmp_path: Path) -> None:
    def fail() -> None:
        with exclusive_lock(tmp_path / "a.parquet"), TableWriter(tmp_path / "a.parquet") as writer:
            writer.write(pd.DataFrame({"a": [1]}))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_a_name_as_long_as_can_be(tmp_path: Path) -> None:
    target = tmp_path / f"{'ü' * 120}.parquet"
    with exclusive_lock(target):
        assert write_table(pd.DataFrame({"a": [1]}), target).exists()
    with Unfinished(target) as unfinished:
        unfinished.stream.write(b"whole")
    assert [path.name for path in tmp_path.iterdir()] == [target.name] and target.read_bytes() == b"whole"


def wait_for(there: Callable[[], object], seconds: float = 60.0) -> None:
    """Wait until something is there."""
    ends = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < ends, "it did not come"
        time.sleep(0.005)
