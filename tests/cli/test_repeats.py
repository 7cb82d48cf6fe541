"""Options of one value that are given twice; caches that are not there; names that are too long to be written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .conftest import Sie

LABEL = ("label", "--data", "log.csv", "--variant", "relevance/lexical", "--backend", "lexical")


@pytest.mark.parametrize(
    ("typed", "option"),
    [
        (("select", "--scores", "s.parquet", "--keep", "0.5", "--out", "o.parquet", "--keep", "0.1"), "--keep"),
        (("score", "--scorer", "s", "--data", "log.csv", "--data=sample", "--out", "o.parquet"), "--data"),
        ((*LABEL, "--out", "a", "--out", "a"), "--out"),
        (("cache", "prune", "--model", "a", "--model", "b", "--yes"), "--model"),
        (("push", "scorer", "a/b", "--folder", "s", "--folder", "t"), "--folder"),
        (("--output", "json", "cache", "stats", "--output", "human"), "--output"),
    ],
    ids=lambda given: given if isinstance(given, str) else given[0],
)
def test_of_one_value_the_last_counts(sie: Sie, log: Path, typed: tuple[str, ...], option: str) -> None:
    assert f"{option} is given 2 times: the last one counts" in sie(*typed).err


@pytest.mark.parametrize(("typed", "pairs"), [(("3", "1"), 1), (("1", "3"), 3)])
def test_what_is_said_to_count_counts(sie: Sie, log: Path, typed: tuple[str, str], pairs: int) -> None:
    ran = sie(*LABEL, "--out", "judged", "--limit", typed[0], "--limit", typed[1], "--output", "json")
    assert ran.code == 0 and json.loads(ran.out)["pairs"] == pairs


def test_options_of_several_values_may_come_again(sie: Sie, log: Path) -> None:
    ran = sie("explain", "--scorer", "none", "--data", "log.csv", "--row", "1", "--row", "2")
    assert ran.code == 2 and "times" not in ran.err


def test_a_cache_that_is_not_there_is_not_made(sie: Sie, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIE_CACHE_DIR", str(tmp_path / "elsewhere"))
    ran = sie("cache", "stats")
    assert ran.code == 0 and "no cache there yet" in ran.out
    assert json.loads(sie("cache", "stats", "--output", "json").out)["exists"] is False
    assert sie("cache", "prune", "--all", "--yes").code == 0
    assert sie("cache", "export", "--out", "answers.jsonl").code == 0 and Path("answers.jsonl").read_bytes() == b""
    assert not (tmp_path / "elsewhere").exists()
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SIE_CACHE_DIR", str(tmp_path / "file"))
    for typed in (("cache", "stats"), (*LABEL[:2], "sample", *LABEL[3:], "--out", "out")):
        ran = sie(*typed)
        assert ran.code == 2 and "Set SIE_CACHE_DIR to a folder" in ran.err and "Errno" not in ran.err


@pytest.mark.parametrize(
    "typed",
    [
        ("score", "--scorer", "{}", "--data", "sample", "--out", "o.parquet"),
        ("score", "--scorer", "s", "--data", "{}.csv", "--out", "o.parquet"),
        ("score", "--scorer", "s", "--data", "sample", "--out", "{}.parquet"),
        ("label", "--data", "sample", "--variant", "{}.yaml", "--backend", "lexical", "--out", "o"),
        ("label", "--data", "sample", "--map", "{}.yaml", *LABEL[3:], "--out", "o"),
        ("label", "--data", "sample", "--variant", "relevance/lexical", "--endpoints", "{}", "--out", "o"),
        ("run", "{}.yaml", "--out", "o"),
        ("run", "quickstart", "--out", "{}"),
        ("select", "--scores", "{}.parquet", "--keep", "0.5", "--out", "o.parquet"),
        ("init", "{}.csv"),
        ("serve", "--scorer", "s", "--token-file", "{}"),
    ],
    ids=lambda typed: " ".join(typed)[:60],
)
@pytest.mark.parametrize("name", ["~nouser/x", "a" * 300, "folder/" * 800], ids=["nobody's home", "long", "deep"])
def test_names_that_cannot_be_are_bad_input(sie: Sie, tmp_path: Path, typed: tuple[str, ...], name: str) -> None:
    ran = sie(*(part.format(name) for part in typed))
    assert ran.code == 2 and ran.err.count("\n") == 1 and len(ran.err) < 900, ran.err
    assert "unexpected" not in ran.err and list(tmp_path.iterdir()) == []


def test_a_name_without_room_for_hidden_files_is_refused_at_once(sie: Sie, tmp_path: Path) -> None:
    ran = sie("score", "--scorer", "s", "--data", "sample", "--out", f"{'a' * 240}.parquet")
    assert ran.code == 2 and "at most 200 are possible" in ran.err and list(tmp_path.iterdir()) == []


def test_a_token_file_that_is_a_folder_is_bad_input(sie: Sie, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    ran = sie("serve", "--scorer", "s", "--token-file", "folder")
    assert ran.code == 2 and "is a folder; expected a file with a token" in ran.err
