"""Progress bars of other libraries stay out of logs; at a terminal one line of our own says what happens."""

from __future__ import annotations

import importlib
import io
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from sie_agent.utils.foreign import VARIABLE, foreign_bars_silenced
from sie_agent.utils.progress import set_quiet

ROOT = Path(__file__).parents[2]
MAKERS = (
    "tqdm.std:tqdm",
    "tqdm.std:trange",
    "tqdm.auto:tqdm",
    "tqdm.asyncio:tqdm",
    "huggingface_hub.utils:tqdm",
    "datasets.utils:tqdm",
)


def bar_of(maker: str, **settings: Any) -> str:
    """What a bar of a library writes."""
    module, name = maker.split(":")
    stream = io.StringIO()
    make = getattr(importlib.import_module(module), name)
    with make(3, file=stream, **settings) if name == "trange" else make(range(3), file=stream, **settings) as shown:
        assert list(shown) == [0, 1, 2]
    return stream.getvalue()


@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize("settings", [{}, {"disable": False}, {"disable": None}, {"desc": "Generating train split"}])
def test_no_bar_is_shown_within_and_every_bar_after(maker: str, settings: dict[str, Any]) -> None:
    with foreign_bars_silenced(), foreign_bars_silenced():
        assert bar_of(maker, **settings) == ""
    assert settings.get("disable", False) is None or "3/3" in bar_of(maker, **settings)


@pytest.mark.slow
def test_bars_of_transformers_are_silenced_too() -> None:
    importlib.import_module("transformers.utils.logging").enable_progress_bar()
    with foreign_bars_silenced():
        assert bar_of("transformers.utils.logging:tqdm") == ""
    assert "3/3" in bar_of("transformers.utils.logging:tqdm")


def test_a_bar_that_is_open_goes_on() -> None:
    stream = io.StringIO()
    mine = importlib.import_module("tqdm").tqdm(total=2, file=stream, mininterval=0)
    with foreign_bars_silenced():
        mine.update(2)
    mine.close()
    assert "2/2" in stream.getvalue()


def test_all_is_as_before_when_it_fails_and_with_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "0")
    make = importlib.import_module("tqdm.std").tqdm.__init__

    def fail() -> None:
        with foreign_bars_silenced():
            assert os.environ[VARIABLE] == "1"
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    entered, leave = threading.Barrier(4), threading.Barrier(4)

    def inside() -> None:
        with foreign_bars_silenced():
            entered.wait(10)
            leave.wait(10)

    threads = [threading.Thread(target=inside) for _ in range(3)]
    for one in threads:
        one.start()
    entered.wait(10)
    assert bar_of("tqdm.auto:tqdm") == ""
    leave.wait(10)
    for one in threads:
        one.join()
    assert importlib.import_module("tqdm.std").tqdm.__init__ is make and os.environ[VARIABLE] == "0"


def test_our_own_line_is_for_a_terminal_alone(capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    with foreign_bars_silenced("Fetching it ..."):
        pass
    assert capsys.readouterr() == ("", "")
    monkeypatch.setenv("FORCE_COLOR", "1")
    with foreign_bars_silenced("Fetching it ..."):
        pass
    assert "Fetching it ..." in capsys.readouterr().err
    set_quiet(True)
    try:
        with foreign_bars_silenced("Fetching it ..."):
            pass
    finally:
        set_quiet(False)
    assert capsys.readouterr() == ("", "")


def label_folder(folder: Path, *options: str) -> list[str]:
    """The command that labels a folder of Parquet files."""
    (folder / "data").mkdir(exist_ok=True)
    rows = [{"sample_id": f"s{n}", "query": "lamp", "item_id": f"i{n}", "title": f"Lamp {n}"} for n in range(200)]
    pd.DataFrame(rows).to_parquet(folder / "data" / "train-0.parquet")
    words = ("--backend", "lexical", "--variant", "relevance/lexical", "--data", "data", "--out", "out")
    return [sys.executable, "-m", "sie_agent", *options, "label", *words]


@pytest.mark.slow
@pytest.mark.parametrize("options", [(), ("--quiet",), ("--output", "json")])
def test_a_log_has_no_bar_of_datasets(options: tuple[str, ...], tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "HF_HOME": str(tmp_path / "hf")}
    command = label_folder(tmp_path, *options)
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert "Generating" not in done.stderr and "\r" not in done.stderr and "%" not in done.stderr
    assert "with the library datasets" not in done.stderr
    assert (done.stderr == "") == bool(options)


@pytest.mark.model
@pytest.mark.slow
def test_unpacking_the_embedded_model_shows_no_bar(tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "SIE_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-m", "sie_agent", "label", "--data", "sample", "--limit", "2", "--out", "out"]
    command += ["--variant", "relevance/query-likelihood"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    lines = done.stderr.splitlines()
    assert "Unpacking the embedded model" in done.stderr and "onverting" not in done.stderr
    assert "\r" not in done.stderr and not any("it/s" in line or "%|" in line for line in lines)
