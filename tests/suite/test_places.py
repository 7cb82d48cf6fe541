"""A run folder is its suite's: another suite, or other settings, do not replace what took hours."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from sie_agent.errors import InputError
from sie_agent.suite import load_suite, run_suite
from sie_agent.suite.settings import dump_suite
from sie_agent.suite.work import run_folder, work_of

Finished = tuple[Any, Path, dict[str, Any]]
QUICK = ["downstream.draws=0", "references=[]", "draws=[1]", "labels.proxies=1"]


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("target.epochs=3", "target.epochs 2, and now 3"),
        ("name=other", "name tiny, and now other"),
        ("log={kind: flips}", "log.kind clicks, and now flips"),
        ("data.limit=300", "limit not given, and now 300"),
        ("data.source=other.csv", "data.source"),
        ("judges=[{name: strong, kind: simulated, auc: 0.8}]", "judges.strong.auc 0.9, and now 0.8"),
        ("downstream.keep=[]", "downstream.keep"),
    ],
)
def test_another_suite_or_setting(
    finished: Finished, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str, says: str
) -> None:
    shared, out, _ = finished
    copy = tmp_path / "run"
    shutil.copytree(out, copy)
    monkeypatch.chdir(tmp_path)
    shutil.copy(shared.folder / "pairs.csv", tmp_path / "other.csv")
    before = snapshot(copy)
    changes = [change, *(["downstream.judges=[strong]"] if change.startswith("judges") else [])]
    with pytest.raises(InputError, match="--overwrite to replace") as raised:
        run_suite(shared.folder / "tiny.yaml", copy, overrides=changes, cache_path=shared.cache)
    assert says in str(raised.value) and "`sie run` made" in str(raised.value)
    assert snapshot(copy) == before


@pytest.mark.slow
def test_the_same_suite_goes_on_and_others_ask(workshop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    out, suite = workshop.folder / "run", workshop.suite()
    run_suite(suite, out, overrides=QUICK, cache_path=workshop.cache)
    facts = (out / "draws" / "1" / "facts.json").read_bytes()
    # more draws are the same work, and a suite by another spelling is too
    monkeypatch.chdir(workshop.folder)
    run_suite("tiny.yaml", "./run", overrides=[*QUICK, "draws=[1,2]"], cache_path=workshop.cache)
    assert (out / "draws" / "1" / "facts.json").read_bytes() == facts
    # the suite that lies in the folder is the run's own
    run_suite(out / "suite.yaml", out, cache_path=workshop.cache)
    assert (out / "draws" / "1" / "facts.json").read_bytes() == facts
    run_suite(suite, out, overrides=[*QUICK, "target.epochs=3"], cache_path=workshop.cache, overwrite=True)
    assert (out / "draws" / "1" / "facts.json").read_bytes() != facts


def test_a_suite_of_the_users_own_in_the_folder(workshop: Any) -> None:
    out = workshop.folder / "run"
    out.mkdir()
    shutil.copy(workshop.suite(), out / "suite.yaml")
    with pytest.raises(InputError, match=r"would replace what is read \(the suite"):
        run_suite(out / "suite.yaml", out, cache_path=workshop.cache)
    resolved = load_suite(out / "suite.yaml")
    (out / "suite.yaml").write_text(dump_suite(resolved))
    assert work_of(resolved, out / "suite.yaml", run_folder(out)).uses["the suite"] is None


def test_data_that_a_run_would_write(workshop: Any, make_shop: Any) -> None:
    out = workshop.folder / "run"
    out.mkdir()
    make_shop().to_parquet(out / "samples.parquet")
    with pytest.raises(InputError, match=r"would replace what is read \(data\.source"):
        run_suite(workshop.suite(out / "samples.parquet"), out, cache_path=workshop.cache)
