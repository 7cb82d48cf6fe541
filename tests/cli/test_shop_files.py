"""A German Excel export goes through the verbs and comes out as the plain file does."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from .conftest import Sie, log_rows

EXPORTS = {
    "excel.csv": "cp1252",
    "unicode.csv": "utf-16",
    "marked.csv": "utf-8-sig",
    "packed.csv.gz": "cp1252",
}


def rows() -> list[dict[str, Any]]:
    """The small log with German texts, and a label and a grade on scales with fractions."""
    return [
        {**row, "query": f"{row['query']} für Küche", "label": row["label"] * 2.5, "grade": row["grade"] * 3}
        for row in log_rows()
    ]


def german(folder: Path, name: str) -> Path:
    """The log as a German Excel writes it."""
    frame = pd.DataFrame(rows())
    text = frame.to_csv(index=False, sep=";", decimal=",", lineterminator="\r\n", float_format="%.3f")
    content = text.encode(EXPORTS[name])
    path = folder / name
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return path


def plain(folder: Path) -> Path:
    """The same log as a programmer writes it."""
    pd.DataFrame(rows()).to_csv(folder / "plain.csv", index=False, float_format="%.3f")
    return folder / "plain.csv"


@pytest.fixture
def column_map(tmp_path: Path) -> Path:
    columns = {name: name for name in ("sample_id", "query", "item_id", "title")}
    scales = {"label": {"column": "label", "minimum": 0, "maximum": 2.5},
              "grade": {"column": "grade", "minimum": 0, "maximum": 3}}  # fmt: skip
    (tmp_path / "map.yaml").write_text(yaml.safe_dump({"columns": columns, **scales}), encoding="utf-8")
    return tmp_path / "map.yaml"


def pipeline(sie: Sie, log: Path, column_map: Path, out: Path) -> list[pd.DataFrame]:
    """Judgments, scores, and what is kept of them."""
    data = ("--data", log, "--map", column_map)
    judged, scorer, scores, kept = out / "judged", out / "scorer", out / "scores.parquet", out / "kept.parquet"
    for arguments in (
        ("label", *data, "--variant", "relevance/lexical", "--backend", "lexical", "--out", judged),
        ("distill", "--judgments", judged, *data, "--out", scorer, "--set", "labels.proxies=2"),
        ("score", "--scorer", scorer, *data, "--out", scores),
        ("select", "--scores", scores, "--keep", "0.5", "--out", kept),
    ):
        ran = sie(*arguments)
        assert ran.code == 0, ran.err
        if "--data" in arguments and log.name != "plain.csv":
            assert "Traceback" not in ran.err and "Exception ignored" not in ran.err
    tables = (judged / "judgments.parquet", scores, kept)
    return [pd.read_parquet(path).drop(columns=["time", "created"], errors="ignore") for path in tables]


@pytest.mark.slow
@pytest.mark.parametrize("name", EXPORTS)
def test_an_export_goes_through_the_verbs_as_the_plain_file(
    sie: Sie, tmp_path: Path, column_map: Path, name: str
) -> None:
    expected = pipeline(sie, plain(tmp_path), column_map, tmp_path / "of-plain")
    found = pipeline(sie, german(tmp_path, name), column_map, tmp_path / "of-export")
    for one, other in zip(expected, found, strict=True):
        shared = [column for column in one.columns if column in ("sample_id", "query", "score", "relevance", "support",
                                                                 "value", "label", "weight")]  # fmt: skip
        assert len(shared) > 2 and len(one) == len(other)
        pd.testing.assert_frame_equal(one[shared], other[shared])


@pytest.mark.parametrize("name", EXPORTS)
def test_init_reads_an_export(sie: Sie, tmp_path: Path, name: str) -> None:
    ran = sie("init", german(tmp_path, name), "--out", "mine")
    assert ran.code == 0, ran.err
    told = [line for line in ran.err.splitlines() if ": read " in line or "decimal comma" in line]
    assert [line.count("semicolons") for line in told] == [1, 0, 0], ran.err
    assert "column 'label' have a decimal comma: '0,000' is read as 0" in told[1]
    assert "column 'grade' have a decimal comma: '0,000' is read as 0" in told[2]
    stem = name.split(".")[0]
    written = yaml.safe_load((tmp_path / "mine" / f"{stem}-map.yaml").read_text(encoding="utf-8"))
    assert written["label"] == {"column": "label", "minimum": 0, "maximum": 2.5}
    assert written["grade"] == {"column": "grade", "minimum": 0, "maximum": 3}


@pytest.mark.parametrize("verb", ["init", "label"])
def test_a_lost_quote_stops_every_verb(sie: Sie, tmp_path: Path, verb: str) -> None:
    path = tmp_path / "log.csv"
    path.write_text("query,item_id,title,label\n" + '"lamp,i,t,1\n' + "a,b,c,0\n" * 200, encoding="utf-8")
    how: dict[str, tuple[str | Path, ...]] = {
        "init": (path, "--out", "mine"),
        "label": ("--data", path, "--variant", "relevance/lexical", "--backend", "lexical", "--out", "out"),
    }
    ran = sie(verb, *how[verb])
    assert ran.code == 2
    assert f"{path}, line 2: the quote that opens here is never closed" in ran.err and ran.err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_quiet_and_json_stay_so(sie: Sie, tmp_path: Path) -> None:
    path = german(tmp_path, "excel.csv")
    ran = sie("init", path, "--out", "mine", "--output", "json")
    assert ran.code == 0 and ran.json["map"] and ran.err == ""


def test_grades_that_excel_saved(sie: Sie, tmp_path: Path) -> None:
    from sie_agent.samples import read_grades

    for number, encoding in enumerate(("cp1252", "utf-16", "utf-8-sig")):
        path = tmp_path / f"grades-{number}.csv"
        path.write_bytes("sample_id;query;grade\r\ns1;Tür;0,5\r\ns2;Tür;\r\ns3;Tür;1\r\n".encode(encoding))
        assert read_grades(path).to_dict() == {"s1": 0.5, "s3": 1.0}
