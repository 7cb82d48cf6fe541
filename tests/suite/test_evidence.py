"""Run files that can be read but are damaged: one error that names the file and the field, and the draw is redone."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from sie_agent.errors import InputError
from sie_agent.suite import evaluate_run
from sie_agent.suite.draw.draw_files import is_finished, load_draw
from sie_agent.suite.draw.facts import check_facts

Finished = tuple[Any, Path, dict[str, Any]]
Damage = Callable[[pd.DataFrame], pd.DataFrame]

FACTS: dict[str, Any] = {"key": "k", "n_queries": 2, "rows": 4, "graded": 0, "bench": False}
TRAINING = {"rows": 4, "positives": 0.5, "seconds": 0.1, "cpu_seconds": 0.1}
LOGGED = {"ranker": "target", "strategy": "log", "judge": "", "twin": False, **TRAINING}


def first(column: str, value: object) -> Damage:
    """Another value in the first row."""

    def change(table: pd.DataFrame) -> pd.DataFrame:
        cells = [value, *table[column].tolist()[1:]]
        return table.assign(**{column: pd.Series(cells, index=table.index)})

    return change


def every(column: str, value: Any) -> Damage:
    """Another value in all rows."""
    return lambda table: table.assign(**{column: value})


def without(column: str) -> Damage:
    """No such column."""
    return lambda table: table.drop(columns=column)


MEASURED = [
    ("ranker", every("ranker", "<script>")),
    ("ranker", every("ranker", 5.0)),
    ("judge", first("judge", "nobody")),
    ("judge", without("judge")),
    ("twin", every("twin", -5)),
    ("twin", every("twin", "yes")),
    ("query_code", every("query_code", float("nan"))),
    ("query_code", first("query_code", -1.0)),
    ("query_code", first("query_code", 0.5)),
    ("query_code", first("query_code", 1e308)),
    ("query_code", every("query_code", 60)),
    ("query_code", every("query_code", "x")),
    ("within", every("within", "x")),
    ("within", first("within", 1e308)),
    ("auc", every("auc", -1e3)),
]
ROWS = [
    ("scores.parquet", "support", every("support", "x")),
    ("scores.parquet", "value", every("value", "x")),
    ("scores.parquet", "label_error", every("label_error", "x")),
    ("scores.parquet", "sample_id", without("sample_id")),
    ("labels.parquet", "support", every("support", "x")),
    ("labels.parquet", "sample_id", without("sample_id")),
    ("samples.parquet", "description", without("description")),
    ("samples.parquet", "query_set", without("query_set")),
    ("samples.parquet", "grade", every("grade", "x")),
    ("draws/1/evidence.parquet", "query_code", first("query_code", -1.0)),
    ("draws/1/evidence.parquet", "label", every("label", "x")),
]
TABLES = [
    *((f"draws/1/{name}", column, damage) for name in ("bench.parquet", "kept.parquet") for column, damage in MEASURED),
    ("draws/1/kept.parquet", "strategy", every("strategy", "unheard of")),
    ("draws/1/bench.parquet", "strategy", every("strategy", "unheard of")),
    *ROWS,
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "column", "damage"), TABLES)
def test_a_damaged_table_is_named(finished: Finished, tmp_path: Path, name: str, column: str, damage: Damage) -> None:
    run = tmp_path / "run"
    shutil.copytree(finished[1], run)
    damage(pd.read_parquet(run / name)).to_parquet(run / name)
    with pytest.raises(InputError) as error:
        evaluate_run(run)
    assert Path(str(error.value.where)) == run / name
    assert column in error.value.problem
    if name.startswith("draws"):
        key = json.loads((run / "draws/1/facts.json").read_text())["key"]
        assert is_finished(finished[1], 1, key)
        assert not is_finished(run, 1, key)


@pytest.mark.slow
@pytest.mark.parametrize("value", [None, "x", -1e300, [3], {"a": 3}])
@pytest.mark.parametrize(
    "field",
    ["judges", "calibration", "permutations", "choices", "twins", "kept", "n_queries", "bench", "has_positions"],
)
def test_damaged_facts_of_a_run_are_named(finished: Finished, tmp_path: Path, field: str, value: object) -> None:
    shutil.copytree(finished[1] / "draws", tmp_path / "draws")
    path = tmp_path / "draws/1/facts.json"
    facts = json.loads(path.read_text())
    path.write_text(json.dumps({**facts, field: value}))
    with pytest.raises(InputError, match=rf"facts\.json: field '{field}"):
        load_draw(tmp_path, 1)
    assert not is_finished(tmp_path, 1, facts["key"])


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("n_queries", {"n_queries": 10**12}),
        ("n_queries", {"n_queries": 0}),
        ("judges.lexical.auc", {"judges": {"lexical": {"n_pairs": 1, "spearman": 0.1}}}),
        ("permutations.a.b.spearman.0", {"permutations": {"a": {"b": {"spearman": ["x"]}}}}),
        ("kept.0.ranker", {"kept": [{**LOGGED, "ranker": "oracle"}]}),
        ("kept", {"kept": [{**LOGGED, "strategy": "keep 0.5, by support"}]}),
        ("kept.0.seconds", {"kept": [{**LOGGED, "seconds": None}]}),
    ],
)
def test_the_wrong_field_of_facts_is_named(field: str, change: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=rf"facts\.json: field '{field}'"):
        check_facts({**FACTS, **change}, Path("facts.json"))


def test_facts_may_lack_what_was_not_measured() -> None:
    check_facts(FACTS, Path("facts.json"))
    check_facts({**FACTS, "kept": [LOGGED], "target_auc": None, "recipe": None, "newer": 1}, Path("facts.json"))


@pytest.mark.parametrize("text", ["", "[]", "null", "{", "[" * 100_000, '{"key": 1}'])
def test_a_facts_file_that_is_no_object_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "draws/1/facts.json"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    with pytest.raises(InputError, match=r"facts\.json: "):
        load_draw(tmp_path, 1)
    assert not is_finished(tmp_path, 1, "k")
