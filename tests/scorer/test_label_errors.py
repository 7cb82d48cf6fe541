"""How suspicious a label is: the formula, what is read of a file, and what a damaged one is told."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sie_agent.errors import InputError
from sie_agent.scorer import (
    COLUMNS_FILE,
    LOG_COLUMNS,
    LabelErrors,
    Scorer,
    ScorerSession,
    columns_beside,
    load_scorer,
    save_scorer,
    settle_columns,
    with_log_columns,
)
from sie_agent.scorer.log_columns import label_error_columns, made_columns, read_columns, row_keys, write_columns
from sie_agent.scorer.parts import file_hash

HEAD = LabelErrors(
    even=0.2,
    log={
        "relevance": 2.0,
        "by_row": 0.5,
        "by_query": 0.25,
        "others_label": 1.5,
        "others_relevance": -0.75,
        "intercept": -2.0,
    },
    text={"relevance": 3.0, "intercept": -2.5},
)
Columns = dict[str, np.ndarray]


def sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value))


def odds_of(probability: float) -> float:
    return math.log(probability / (1 - probability))


def log_columns(count: int, seed: int = 0) -> Columns:
    """Columns of a log, as the file holds them."""
    rng = np.random.default_rng(seed)
    return {name: rng.random(count).astype(np.float32).astype(float) for name in LOG_COLUMNS}


def test_the_formula_of_text_alone() -> None:
    relevance, label = np.array([0.9, 0.9, 0.1, 0.4]), np.array([1.0, 0.0, 1.0, 0.3])
    found, source = HEAD.of(relevance, label, {})
    z = [-2.5 + 3 * value - odds_of(0.2) for value in relevance]
    expected = [y * sigmoid(-one) + (1 - y) * sigmoid(one) for y, one in zip(label, z, strict=True)]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-14)
    assert source.tolist() == ["text"] * 4
    # a click on what fits is less suspicious than no click on it, and than a click on what does not fit
    assert found[0] < found[1] and found[0] < found[2]


def test_the_formula_with_the_logs_columns() -> None:
    columns = {
        "in_sample": np.array([0.3, 0.999]),
        "by_row": np.array([0.6, 0.001]),
        "by_query": np.array([0.25, 0.5]),
        "others_label": np.array([0.4, 0.0]),
        "others_relevance": np.array([0.5, 1.0]),
    }
    found, source = HEAD.of(np.array([0.7, 0.2]), np.array([1.0, 0.0]), columns)
    # no probability is taken to be nearer to 0 or 1 than 0.02
    fitted = [
        -2 + 2 * 0.7 + 0.5 * odds_of(0.6) + 0.25 * odds_of(0.25) + 1.5 * 0.4 - 0.75 * 0.5,
        -2 + 2 * 0.2 + 0.5 * odds_of(0.02) + 0.25 * odds_of(0.5) + 1.5 * 0.0 - 0.75 * 1.0,
    ]
    z = [0.7 * one + 0.3 * odds_of(kept) - odds_of(0.2) for one, kept in zip(fitted, (0.3, 0.98), strict=True)]
    np.testing.assert_allclose(found, [sigmoid(-z[0]), sigmoid(z[1])], rtol=0, atol=1e-14)
    assert source.tolist() == ["log", "log"]


def test_a_row_that_the_log_does_not_know_is_told_from_text_and_one_without_a_label_is_not_told() -> None:
    relevance, label = np.full(7, 0.4), np.array([1.0] * 6 + [np.nan])
    columns = log_columns(7)
    for place, name in enumerate(LOG_COLUMNS):
        columns[name][place] = np.nan
    found, source = HEAD.of(relevance, label, columns)
    assert source.tolist() == ["text"] * 5 + ["log"] * 2
    np.testing.assert_array_equal(found[:5], HEAD.of(relevance[:5], label[:5], {})[0])
    assert np.isfinite(found[:6]).all() and np.isnan(found[6])


UNIT = st.floats(0, 1)


@settings(max_examples=60)
@given(st.lists(st.tuples(UNIT, UNIT), min_size=1, max_size=12), st.booleans(), st.randoms(use_true_random=False))
def test_rows_stand_alone_and_both_labels_share_one(rows: list[tuple[float, float]], of_log: bool, chance: Any) -> None:
    relevance, label = (np.array(values) for values in zip(*rows, strict=True))
    columns = log_columns(len(rows), 1) if of_log else {}
    found, _ = HEAD.of(relevance, label, columns)
    assert ((found >= 0) & (found <= 1)).all()
    order = list(range(len(rows)))
    chance.shuffle(order)
    moved, _ = HEAD.of(relevance[order], label[order], {name: values[order] for name, values in columns.items()})
    np.testing.assert_array_equal(moved, found[order])
    alone = [HEAD.of(relevance[[n]], label[[n]], {k: v[[n]] for k, v in columns.items()})[0][0] for n in order]
    np.testing.assert_array_equal(alone, found[order])
    # what speaks for a label speaks against its contrary; of a label in the middle nothing is said
    turned, _ = HEAD.of(relevance, 1 - label, columns)
    np.testing.assert_allclose(found + turned, 1, rtol=0, atol=1e-12)
    middle, _ = HEAD.of(relevance, np.full(len(rows), 0.5), columns)
    np.testing.assert_allclose(middle, 0.5, rtol=0, atol=1e-12)


@pytest.fixture
def told(scorer: Scorer, samples: pd.DataFrame, tmp_path: Path) -> tuple[Scorer, Path]:
    """A scorer that tells wrong labels, its columns of the log beside it, and its folder."""
    ready = with_log_columns(scorer, HEAD, log_columns(len(samples)), samples, tmp_path)
    save_scorer(ready, tmp_path / "scorer")
    settle_columns(tmp_path, ready)
    return ready, tmp_path / "scorer"


def test_it_is_kept_with_the_scorer_and_changes_no_score(
    told: tuple[Scorer, Path], scorer: Scorer, samples: pd.DataFrame, tmp_path: Path
) -> None:
    ready, folder = told
    assert ready.label_errors is not None and len(ready.label_errors.columns_hash) == 64
    assert load_scorer(folder).label_errors == ready.label_errors == ScorerSession(folder).label_errors
    save_scorer(scorer, tmp_path / "without")
    assert (folder / "model.onnx").read_bytes() == (tmp_path / "without" / "model.onnx").read_bytes()
    pd.testing.assert_frame_equal(load_scorer(folder).predict(samples), scorer.predict(samples), check_exact=True)
    card = (folder / "README.md").read_text()
    assert "`label_error`" in card and "label_error" not in (tmp_path / "without" / "README.md").read_text()


@pytest.mark.parametrize("gone", [True, False])
def test_a_scorer_of_before_tells_no_wrong_labels(
    scorer: Scorer, samples: pd.DataFrame, tmp_path: Path, gone: bool
) -> None:
    save_scorer(scorer, tmp_path / "scorer")
    path = tmp_path / "scorer" / "config.json"
    config = json.loads(path.read_text())
    if gone:
        del config["label_errors"]
        path.write_text(json.dumps(config))
    loaded = load_scorer(tmp_path / "scorer")
    assert loaded.label_errors is None and ScorerSession(tmp_path / "scorer").label_errors is None
    # whatever lies beside it
    (tmp_path / COLUMNS_FILE).write_bytes(b"nonsense")
    assert columns_beside(loaded, tmp_path / "scorer") is None
    assert label_error_columns(loaded, loaded.predict(samples), samples, None) == {}


def changed(part: str, **changes: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda told: {**told, part: {**told[part], **changes}}


def without(*names: str) -> Callable[[dict[str, Any]], Any]:
    """Leaves out a field, or a weight of a part."""

    def change(told: dict[str, Any]) -> Any:
        part, *name = names
        if not name:
            return {key: value for key, value in told.items() if key != part}
        return {**told, part: {key: value for key, value in told[part].items() if key != name[0]}}

    return change


FORGED: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "NaN": (changed("log", by_row=math.nan), "'by_row' in 'log'"),
    "infinite": (changed("text", relevance=-math.inf), "'relevance' in 'text'"),
    "text": (changed("text", intercept="1"), "'intercept' in 'text'"),
    "true": (changed("text", intercept=True), "'intercept' in 'text'"),
    "null": (changed("log", by_query=None), "'by_query' in 'log'"),
    "list": (changed("log", by_query=[1]), "'by_query' in 'log'"),
    "huge": (changed("log", intercept=1e10), "'intercept' in 'log'"),
    "huge whole number": (changed("log", intercept=10**400), "'intercept' in 'log'"),
    "weight missing": (without("log", "others_label"), "'log' needs a weight for each"),
    "weight too many": (changed("log", in_sample=1.0), "'log' needs a weight for each"),
    "part missing": (without("text"), "no mapping of"),
    "part too many": (lambda told: {**told, "grade": {}}, "no mapping of"),
    "part a list": (lambda told: {**told, "text": [["relevance", 1.0], ["intercept", 0.0]]}, "'text' needs a weight"),
    "part a text": (lambda told: {**told, "log": "by_row"}, "'log' needs a weight"),
    "mean outside": (lambda told: {**told, "even": 1.2}, "'even'"),
    "mean NaN": (lambda told: {**told, "even": math.nan}, "'even'"),
    "mean a text": (lambda told: {**told, "even": "0.2"}, "'even'"),
    "hash a number": (lambda told: {**told, "columns_hash": 7}, "'columns_hash'"),
    "a list": (lambda told: [], "no mapping of"),
    "a text": (lambda told: "log", "no mapping of"),
    "false": (lambda told: False, "no mapping of"),
}


@pytest.mark.parametrize("read", [load_scorer, ScorerSession])
@pytest.mark.parametrize(("change", "said"), FORGED.values(), ids=list(FORGED))
def test_what_is_forged_is_named(
    told: tuple[Scorer, Path], change: Callable[[dict[str, Any]], Any], said: str, read: Callable[[Path], object]
) -> None:
    path = told[1] / "config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps({**config, "label_errors": change(config["label_errors"])}))
    with pytest.raises(InputError) as caught:
        read(told[1])
    message = str(caught.value)
    assert f"{path}, field 'label_errors': damaged scorer configuration: " in message
    assert said in message and "\n" not in message


@pytest.mark.parametrize("read", [load_scorer, ScorerSession])
def test_it_needs_the_relevance_that_it_reads(scorer: Scorer, tmp_path: Path, read: Callable[[Path], object]) -> None:
    students = {name: student for name, student in scorer.students.items() if name != "relevance"}
    quantiles = {name: values for name, values in scorer.score_quantiles.items() if name != "relevance"}
    lesser = replace(scorer, students=students, score_quantiles=quantiles, recipe=None, label_errors=HEAD)
    save_scorer(lesser, tmp_path)
    with pytest.raises(InputError, match=r"field 'label_errors'.*reads 'relevance', which the scorer does not give"):
        read(tmp_path)


def test_the_columns_of_a_row_are_found_by_its_content(told: tuple[Scorer, Path], samples: pd.DataFrame) -> None:
    log = columns_beside(*told)
    assert log is not None and len(log.keys) == len(samples)
    columns = log_columns(len(samples))
    order = np.random.default_rng(3).permutation(len(samples))
    for name, found in log.of(samples.iloc[order]).items():
        np.testing.assert_array_equal(found, columns[name][order])
    for change in (
        {"sample_id": "x" + samples["sample_id"]},
        {"query": samples["query"] + "s"},
        {"title": samples["title"].str.upper()},
        {"description": samples["description"] + "!"},
        {"label": 1 - samples["label"]},
        {"label": 0.9 * samples["label"] + 0.01},
        {"label": np.nan},
    ):
        assert all(np.isnan(found).all() for found in log.of(samples.assign(**change)).values()), change
    # what decides on nothing, and a zero with a sign, make no other row
    same = samples.assign(grade=0.5, item_id="i", label=np.where(samples["label"] == 0, -0.0, samples["label"]))
    np.testing.assert_array_equal(row_keys(same), row_keys(samples))
    assert len(set(row_keys(samples).tolist())) == len(samples)


def test_a_file_of_no_rows_knows_no_row(scorer: Scorer, samples: pd.DataFrame, tmp_path: Path) -> None:
    ready = with_log_columns(scorer, HEAD, log_columns(0), samples.head(0), tmp_path)
    log = columns_beside(ready, tmp_path / "scorer")
    assert log is not None and len(log.keys) == 0
    told = label_error_columns(ready, ready.predict(samples), samples, log)
    assert set(told["label_error_from"]) == {"text"} and np.isfinite(told["label_error"]).all()
    nothing = label_error_columns(ready, ready.predict(samples.head(1)).head(0), samples.head(0), log)
    assert len(nothing["label_error"]) == 0


def test_the_columns_lie_beside_the_scorer_however_it_is_named(
    told: tuple[Scorer, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready, folder = told
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "elsewhere" / "current"
    link.symlink_to(folder)
    assert columns_beside(ready, link) is not None
    monkeypatch.chdir(folder)
    assert columns_beside(ready, Path(".")) is not None
    (tmp_path / COLUMNS_FILE).unlink()
    assert columns_beside(ready, folder) is None
    (tmp_path / COLUMNS_FILE).mkdir()
    assert columns_beside(ready, folder) is None


def test_a_file_that_is_cut_or_of_another_scorer_is_told(told: tuple[Scorer, Path], samples: pd.DataFrame) -> None:
    ready, folder = told
    path = folder.parent / COLUMNS_FILE
    content = path.read_bytes()
    for other in (content[:-40], content[: len(content) // 2], b"", bytes([content[0] ^ 1]) + content[1:]):
        path.write_bytes(other)
        with pytest.raises(InputError, match=r"log_columns\.parquet.*damaged log columns, or those of another scorer"):
            columns_beside(ready, folder)
    write_columns(made_columns(samples, log_columns(len(samples), 5)), path)
    with pytest.raises(InputError, match=r"those of another scorer.*Put back"):
        columns_beside(ready, folder)
    # or nothing was shown
    path.write_bytes(content)
    assert columns_beside(ready, folder) is not None


KEYS = pa.array([1, 2, 3], pa.uint64())
VALUES = {name: pa.array([0.1, 0.2, 0.3], pa.float32()) for name in LOG_COLUMNS}
OTHER_TABLES: dict[str, dict[str, pa.Array]] = {
    "no key": VALUES,
    "key alone": {"key": KEYS},
    "a column less": {"key": KEYS, **{name: VALUES[name] for name in LOG_COLUMNS[1:]}},
    "a column more": {"key": KEYS, **VALUES, "grade": VALUES["by_row"]},
    "signed keys": {"key": KEYS.cast(pa.int64()), **VALUES},
    "keys as numbers with a point": {"key": KEYS.cast(pa.float64()), **VALUES},
    "keys as text": {"key": pa.array(["1", "2", "3"]), **VALUES},
    "keys that lack": {"key": pa.array([1, None, 3], pa.uint64()), **VALUES},
    "falling keys": {"key": pa.array([3, 2, 1], pa.uint64()), **VALUES},
    "doubles": {"key": KEYS, **VALUES, "by_row": VALUES["by_row"].cast(pa.float64())},
    "text": {"key": KEYS, **VALUES, "by_row": pa.array(["a", "b", "c"])},
    "lists": {"key": KEYS, **VALUES, "by_row": pa.array([[0.1], [0.2], [0.3]])},
}


@pytest.mark.parametrize("columns", OTHER_TABLES.values(), ids=list(OTHER_TABLES))
def test_another_table_is_told_even_where_its_hash_is_right(columns: dict[str, pa.Array], tmp_path: Path) -> None:
    path = tmp_path / COLUMNS_FILE
    pq.write_table(pa.table(columns), path)
    with pytest.raises(InputError, match=r"log_columns\.parquet: no log columns: expected key \(uint64, rising\)"):
        read_columns(path, file_hash(path))


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" + bytes(40) + b"PAR1", b"nonsense" * 20])
def test_what_is_no_table_is_told_even_where_its_hash_is_right(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / COLUMNS_FILE
    path.write_bytes(content)
    with pytest.raises(InputError, match="log columns cannot be read"):
        read_columns(path, file_hash(path))
    with pytest.raises(InputError, match="log columns cannot be read"):
        read_columns(tmp_path / "nowhere.parquet", "")


def test_two_columns_of_one_name_are_told(tmp_path: Path) -> None:
    path = tmp_path / COLUMNS_FILE
    names = ["key", *LOG_COLUMNS, "by_row"]
    pq.write_table(pa.table([KEYS, *VALUES.values(), VALUES["by_row"]], names=names), path)
    with pytest.raises(InputError, match="no log columns"):
        read_columns(path, file_hash(path))


def test_a_process_that_ends_between_columns_and_scorer_spoils_neither(
    told: tuple[Scorer, Path], samples: pd.DataFrame, tmp_path: Path
) -> None:
    before, folder = told
    newer = with_log_columns(before, HEAD, log_columns(len(samples) // 2), samples.head(len(samples) // 2), tmp_path)
    kept = columns_beside(before, folder)
    assert kept is not None and len(kept.keys) == len(samples), "the scorer that is there reads its own"
    save_scorer(newer, folder)
    found = columns_beside(newer, folder)
    assert found is not None and len(found.keys) == len(samples) // 2, "the new one reads the new ones, not named yet"
    settle_columns(tmp_path, newer)
    settled = columns_beside(newer, folder)
    assert settled is not None and np.array_equal(settled.keys, found.keys)
    save_scorer(replace(newer, label_errors=None), folder)
    settle_columns(tmp_path, replace(newer, label_errors=None))
    assert not (tmp_path / COLUMNS_FILE).exists()


def test_labels_of_four_and_of_eight_bytes_are_the_same_rows(told: tuple[Scorer, Path], samples: pd.DataFrame) -> None:
    shares = samples.assign(label=np.linspace(0, 1, len(samples)))
    narrow = shares.assign(label=shares["label"].astype(np.float32).astype(np.float64))
    np.testing.assert_array_equal(row_keys(shares), row_keys(narrow))
