"""Paths in a suite count from its folder, then from the current one; a run folder keeps what they led to."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from sie_agent import InputError, init, load_suite, run_suite
from sie_agent.cli import main
from sie_agent.files.paths import prompts_dir
from sie_agent.suite import evaluate_run
from sie_agent.utils.progress import set_quiet

MAP = "columns: {sample_id: sample_id, query: words, item_id: item_id, title: title, label: label, grade: grade}\n"
VARIANT = (prompts_dir() / "relevance" / "lexical.yaml").read_text(encoding="utf-8")
SERVERS = "endpoints:\n- {base_url: 'http://127.0.0.1:9/v1', model: m}\ndouble_judged: 7\n"
JUDGES = [{"name": "mine", "kind": "lexical", "variant": "prompts/mine.yaml"}, {"name": "guess", "kind": "random"}]


@pytest.fixture
def shop_folder(workshop: Any, make_shop: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """``shop/`` with a suite and all that it names beside it; the current folder is another one."""
    folder: Path = workshop.folder / "shop"
    (folder / "prompts").mkdir(parents=True)
    make_shop().rename(columns={"query": "words"}).to_csv(folder / "pairs.csv", index=False)
    (folder / "my-map.yaml").write_text(MAP)
    (folder / "prompts" / "mine.yaml").write_text(VARIANT)
    (folder / "endpoints.yaml").write_text(SERVERS)
    elsewhere = workshop.folder / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    return folder


def suite_in(folder: Path, workshop: Any, **changes: Any) -> Path:
    """A tiny suite, moved into *folder*."""
    data = {"source": "pairs.csv", "map": "my-map.yaml"}
    few = {"data": data, "judges": JUDGES, "draws": [1], "downstream": {"draws": 0}, "references": []}
    return Path(shutil.move(workshop.suite(**{**few, **changes}), folder / "tiny.yaml"))


def test_every_path_counts_from_the_suites_folder(shop_folder: Path, workshop: Any) -> None:
    (shop_folder / "grades.csv").write_text("sample_id,grade\n")
    (shop_folder / "model").mkdir()
    judges = [
        *JUDGES,
        {"name": "served", "kind": "openai", "endpoints": "endpoints.yaml"},
        {"name": "local", "kind": "local", "model": "model"},
        {"name": "named", "kind": "openai", "model": "model", "base_url": "http://127.0.0.1:9/v1"},
    ]
    data = {"source": "pairs.csv", "map": "my-map.yaml", "grades": "grades.csv"}
    suite = load_suite(suite_in(shop_folder, workshop, judges=judges, data=data))
    assert suite.data.source == str(shop_folder / "pairs.csv") and suite.data.map == str(shop_folder / "my-map.yaml")
    assert suite.data.grades == str(shop_folder / "grades.csv")
    mine, _, served, local, named = suite.judges
    assert mine.variant == str(shop_folder / "prompts" / "mine.yaml")
    assert served.servers is not None and served.servers.double_judged == 7
    assert [one.model for one in served.servers.endpoints] == ["m"]
    assert local.model == str(shop_folder / "model") and named.model == "model"


@pytest.mark.parametrize("given", ["relative", "absolute", "from its own folder"])
def test_however_the_suite_is_named(
    given: str, shop_folder: Path, workshop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = suite_in(shop_folder, workshop)
    if given == "from its own folder":
        monkeypatch.chdir(shop_folder)
        assert load_suite("tiny.yaml").data.source == "pairs.csv"
        return
    found = load_suite(os.path.relpath(path) if given == "relative" else path).data
    assert Path(found.source).samefile(shop_folder / "pairs.csv")
    assert found.map is not None and Path(found.map).samefile(shop_folder / "my-map.yaml")


def test_an_old_suite_finds_its_files_from_the_current_folder_and_says_so(
    shop_folder: Path, workshop: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    path = suite_in(shop_folder, workshop)
    for name in ("pairs.csv", "my-map.yaml", "prompts"):
        shutil.move(shop_folder / name, Path(name))
    set_quiet(False)
    suite = load_suite(path)
    said = capsys.readouterr().err.splitlines()
    assert suite.data.source == "pairs.csv" and suite.judges[0].variant == "prompts/mine.yaml"
    assert len(said) == 3 and all("taken from the current one" in line for line in said)
    assert "data.source 'pairs.csv'" in said[0] and "judges.0.variant" in said[2]
    load_suite(path, told=False)
    assert capsys.readouterr().err == ""


def test_the_suites_folder_goes_first(shop_folder: Path, workshop: Any, capsys: pytest.CaptureFixture[str]) -> None:
    Path("pairs.csv").write_text("another\n")
    set_quiet(False)
    assert load_suite(suite_in(shop_folder, workshop)).data.source == str(shop_folder / "pairs.csv")
    assert capsys.readouterr().err == ""


def test_what_is_set_by_hand_counts_from_the_current_folder(shop_folder: Path, workshop: Any) -> None:
    Path("other-map.yaml").write_text(MAP)
    suite = load_suite(suite_in(shop_folder, workshop), ["data.map=other-map.yaml"])
    assert suite.data.map == "other-map.yaml"


@pytest.mark.parametrize("source", ["sample", "generated", "generated:30", "owner/name", "homedepot"])
def test_names_stay_names(source: str, shop_folder: Path, workshop: Any) -> None:
    (shop_folder / "sample").mkdir()
    data = {"source": source, "map": "sample"}
    suite = load_suite(suite_in(shop_folder, workshop, data=data, judges=[{"name": "l", "kind": "lexical"}]))
    assert (suite.data.source, suite.data.map) == (source, "sample")
    named = [{"name": "l", "kind": "lexical", "variant": "relevance/lexical"}]
    assert load_suite(suite_in(shop_folder, workshop, judges=named)).judges[0].variant == "relevance/lexical"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"data": {"source": "pairs.csv", "map": "no-map.yaml"}}, "shop/no-map.yaml"),
        ({"data": {"source": "none.parquet"}}, "shop/none.parquet"),
        ({"judges": [{"name": "l", "kind": "lexical", "variant": "none.yaml"}]}, "shop/none.yaml"),
        ({"judges": [{"name": "s", "kind": "openai", "endpoints": "none.yaml"}]}, "shop/none.yaml"),
    ],
)
def test_a_file_that_is_nowhere_is_named_where_it_was_looked_for(
    changes: dict[str, Any], said: str, shop_folder: Path, workshop: Any, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=said):
        run_suite(suite_in(shop_folder, workshop, **changes), "out", cache_path=tmp_path / "cache.sqlite")
    assert not Path("out/suite.yaml").exists()


@pytest.mark.parametrize("content", [{"data": "pairs.csv"}, {"judges": "all"}, {"judges": [3]}, {"labels": [1]}])
def test_a_suite_of_the_wrong_shape_is_still_bad_input(content: Any, shop_folder: Path, workshop: Any) -> None:
    with pytest.raises(InputError, match=r"tiny\.yaml"):
        load_suite(suite_in(shop_folder, workshop, **content))


@pytest.mark.slow
def test_a_run_keeps_its_map_and_its_variants(
    shop_folder: Path, workshop: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path, cache = suite_in(shop_folder, workshop), workshop.cache
    run_suite(path, "out", cache_path=cache)
    out = Path("out").resolve()
    kept = yaml.safe_load((out / "suite.yaml").read_text())
    assert kept["data"]["map"] == "inputs/maps/my-map.yaml" and (out / kept["data"]["map"]).read_text() == MAP
    assert kept["judges"][0]["variant"] == "inputs/variants/mine.yaml"
    assert (out / "inputs" / "variants" / "mine.yaml").read_text() == VARIANT
    assert (out / "inputs" / "variants" / "relevance" / "lexical.yaml").is_file() is False
    assert kept["data"]["source"] == str((shop_folder / "pairs.csv").resolve())

    # the same run is known again from its own suite, from any folder, without the files that it was made of
    for name in ("my-map.yaml", "prompts"):
        remove = shutil.rmtree if (shop_folder / name).is_dir() else os.unlink
        remove(shop_folder / name)
    monkeypatch.chdir(workshop.folder)
    set_quiet(False)
    run_suite(out / "suite.yaml", out, cache_path=cache)
    said = capsys.readouterr().err
    assert "finished earlier, kept" in said and "current one" not in said
    assert evaluate_run(out)["exit_code"] == 0
    assert "current one" not in capsys.readouterr().err
    assert yaml.safe_load((out / "suite.yaml").read_text()) == kept
    steps = json.loads((out / "next-steps.json").read_text())["steps"]
    page = (out / "report.html").read_text()
    assert "judge" not in steps or "--variant " + str(out / "inputs" / "variants" / "mine.yaml") in page


@pytest.mark.slow
def test_a_moved_run_can_be_evaluated(shop_folder: Path, workshop: Any) -> None:
    run_suite(suite_in(shop_folder, workshop), "out", cache_path=workshop.cache)
    shutil.rmtree(shop_folder)
    shutil.move("out", "moved")
    assert evaluate_run("moved")["report"] == "moved/report.html"


@pytest.mark.slow
def test_two_variants_of_one_file_name_are_both_kept(shop_folder: Path, workshop: Any) -> None:
    (shop_folder / "other").mkdir()
    other = VARIANT + "\nmax_title_chars: 50\nname: other\n"
    (shop_folder / "other" / "mine.yaml").write_text(other)
    judges = [*JUDGES, {"name": "other", "kind": "lexical", "variant": "other/mine.yaml"}]
    path = suite_in(shop_folder, workshop, judges=judges)
    for _ in range(2):
        # a second run writes over the copies of the first
        run_suite(path, "out", cache_path=workshop.cache)
        kept = yaml.safe_load(Path("out/suite.yaml").read_text())["judges"]
        assert [judge["variant"] for judge in kept][::2] == ["inputs/variants/mine.yaml", "inputs/variants/mine-2.yaml"]
        assert Path("out/inputs/variants/mine-2.yaml").read_text() == other
    assert len(list(Path("out/inputs/variants").glob("mine*"))) == 2


def test_init_writes_paths_that_count_from_its_folder(shop_folder: Path) -> None:
    Path("log.csv").write_text((shop_folder / "pairs.csv").read_text().replace("words,", "query,", 1))
    said = init("log.csv", "mine")
    written = yaml.safe_load(Path(said["suite"]).read_text())["data"]
    assert written["source"] == "../log.csv" and written["map"] == "log-map.yaml"
    suite = load_suite(said["suite"])
    assert Path(suite.data.source).samefile("log.csv") and suite.data.map == "mine/log-map.yaml"


def test_the_command_line_reads_it_the_same_way(
    shop_folder: Path, workshop: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    path = suite_in(shop_folder, workshop, data={"source": "pairs.csv", "map": "nowhere.yaml"})
    assert main(["run", str(path), "--out", "out"]) == 2
    assert "shop/nowhere.yaml" in capsys.readouterr().err
