"""A server that dies while others go on: nothing waits longer than patience lasts."""

from __future__ import annotations

from pathlib import Path

import pytest

from .habit import GRADED, Asked, right, script_of
from .scripted_server import Reply, error, scripted_server
from .test_habits import endpoints, label, table, written_log


@pytest.mark.slow
def test_a_judge_that_died_is_not_waited_for_when_models_are_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIE_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("OPENAI_API_KEY", "sk-none-0123456789")

    def dying(asked: Asked) -> Reply:
        return Reply(500, error("x")) if asked.count > 6 else right(asked)

    log = written_log(tmp_path)
    with scripted_server(script_of(dying, GRADED)) as first, scripted_server(script_of(right, GRADED)) as second:
        where = ("--endpoints", str(endpoints(tmp_path, first, second)), "--timeout", "1.5", "--patience", "4")
        assert label(log, GRADED, *where) == 0
    assert (table(log)["status"] == "ok").all()
