"""``sie prompts``: list, show, render, check, diff, new."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import sie_agent as sie
from sie_agent.cli import main


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of the test's own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SIE_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path


def said(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    assert main(("prompts", *arguments)) == code
    return capsys.readouterr().out


def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    told = {one["variant"]: one for one in sie.prompts_list()["variants"]}
    assert list(told) == sie.list_variants()
    assert (told["relevance/facets"]["questions"], told["relevance/pairwise"]["questions"]) == (5, 4)
    assert (told["relevance/with-profile"]["questions"], told["relevance/plain"]["questions"]) == (2, 1)
    lines = said(capsys, "list", "--aspect", "clarity").splitlines()
    assert [line.split()[0] for line in lines] == ["variant", "clarity/agreement", "clarity/graded", "clarity/kinds"]


def test_show(capsys: pytest.CaptureFixture[str]) -> None:
    result = sie.prompts_show("relevance/facets")
    assert result["text"] == Path(result["path"]).read_text(encoding="utf-8")
    assert result["questions"][0] == "relevance/facets:itself" and len(result["questions"]) == 5
    assert "method: lexical" in said(capsys, "show", "relevance/lexical").splitlines()


def test_render_prints_what_is_sent(capsys: pytest.CaptureFixture[str]) -> None:
    rows = sie.load_samples("sample", limit=4)
    printed = said(capsys, "render", "relevance/plain", "--data", "sample", "--row", "4")
    assert f"<query>{rows['query'][3]}</query>" in printed.splitlines()
    result = sie.prompts_render("relevance/facets", "sample", row=4)
    assert [one["variant"].partition(":")[2] for one in result["questions"]] == [
        *("itself", "type", "brand", "attributes", "use")
    ]
    assert result["tokens"] == sum(-(-one["characters"] // 4) for one in result["questions"])
    assert result["sample_id"] == rows["sample_id"][3]


def test_render_shows_opponents_and_profiles() -> None:
    rows = sie.load_samples("sample", limit=20)
    pairs = sie.prompts_render("relevance/pairwise", "sample", row=2)["questions"]
    assert len(pairs) == 4
    others = {one["messages"][-1]["content"].split("<other>")[1] for one in pairs}
    assert len(others) == 4 and all(rows["title"][1] in one["messages"][-1]["content"] for one in pairs)
    profile, graded = sie.prompts_render("relevance/with-profile", "sample", row=2)["questions"]
    assert profile["method"] == "written" and "sold_as: …" in graded["messages"][-1]["content"]


def test_render_of_a_row_that_is_not_there() -> None:
    with pytest.raises(sie.InputError, match=r"there is no row 9999999: 1,700 rows can be used"):
        sie.prompts_render("relevance/plain", "sample", row=9_999_999)


def test_check(capsys: pytest.CaptureFixture[str], alone: Path) -> None:
    assert "0 problems" in said(capsys, "check", "relevance/graded", "--data", "sample")
    text = sie.prompts_show("relevance/plain")["text"]
    Path("mine.yaml").write_text(text.replace("3 relevant", "3 relevant, 4 median_relevance"))
    out = said(capsys, "check", "mine.yaml", "--output", "json", code=3)
    (finding,) = json.loads(out)["findings"]
    assert (finding["kind"], finding["level"], finding["where"]) == ("grades", "problem", "system")
    assert json.loads(out)["tokens_by"] == "rule"
    assert said(capsys, "check", "mine.yaml", code=3).startswith("problem  grades")
    Path("mine.yaml").write_text(text.replace("{{ query }}", "{{ qurey }}"))
    assert said(capsys, "check", "mine.yaml", code=2) == ""


def test_check_finds_an_example_of_the_data(capsys: pytest.CaptureFixture[str]) -> None:
    row = sie.load_samples("sample", limit=1).iloc[0]
    text = sie.prompts_show("relevance/plain")["text"]
    example = {"query": row["query"], "title": row["title"], "answer": "3"}
    Path("mine.yaml").write_text(f"{text}examples: {json.dumps([example])}\n")
    assert "its title stands in the data, under the same query" in said(
        capsys, "check", "mine.yaml", "--data", "sample", code=3
    )


def test_diff(capsys: pytest.CaptureFixture[str]) -> None:
    assert "ask the same" in said(capsys, "diff", "relevance/plain", "relevance/plain")
    sie.prompts_new("mine", "relevance/plain")
    text = Path("mine.yaml").read_text()
    Path("mine.yaml").write_text(text.replace("plainest", "barest"))
    result = sie.prompts_diff("relevance/plain", "mine.yaml")
    assert [one["key"] for one in result["changed"]] == ["about"] and result["same_questions"] and not result["diff"]
    Path("mine.yaml").write_text(text.replace("1 hardly", "1 barely"))
    result = sie.prompts_diff("relevance/plain", "mine.yaml")
    assert [one["key"] for one in result["changed"]] == ["system"] and not result["same_questions"]
    changed = [line for line in result["diff"] if line[0] in "+-" and line[:3] not in ("+++", "---")]
    assert len(changed) == 2 and "1 barely" in changed[1]
    Path("mine.yaml").write_text(text.replace("value: 0.3333", "value: 0.4"))
    result = sie.prompts_diff("relevance/plain", "mine.yaml")
    assert not result["diff"] and not result["same_questions"]  # the scale is part of the key


def test_new_copies_the_comments_and_overwrites_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    Path("theirs.yaml").write_text("# a remark\nname: theirs\nabout: x\naspect: relevance\nmethod: lexical\n"
                                   "user: '{{ title }}'  # the title\n")  # fmt: skip
    assert "mine.yaml: a copy of theirs" in said(capsys, "new", "mine", "--from", "theirs.yaml")
    fitted = said(capsys, "new", "curve", "--from", "relevance/query-likelihood")
    assert "Its calibration was fitted to relevance/query-likelihood" in fitted
    text = Path("mine.yaml").read_text()
    assert "# a remark" in text and "# the title" in text and sie.load_variant("mine.yaml").name == "mine"
    Path("mine.yaml").write_text("precious")
    said(capsys, "new", "mine", "--from", "theirs.yaml", code=2)
    assert Path("mine.yaml").read_text() == "precious"
    assert main(("prompts", "new", "../x y", "--from", "theirs.yaml")) == 2
    assert "is no name of a variant" in capsys.readouterr().err
    assert main(("prompts", "new", "mine", "--from", "theirs.yaml", "--out", "mine.txt")) == 2
    assert "does not end in .yaml" in capsys.readouterr().err


def test_a_copy_asks_what_the_original_asks() -> None:
    for name in sie.list_variants():
        path = f"{name.replace('/', '-')}.yaml"
        sie.prompts_new("copy", name, path)
        result = sie.prompts_diff(name, path)
        assert result["same_questions"] and not result["changed"], name
