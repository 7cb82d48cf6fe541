"""What a judgments file says of a log."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sie_agent.errors import InputError
from sie_agent.judging import scale_means_nothing
from sie_agent.pipeline.judged_log import read_judgments, relevance_of, relevance_of_all


def test_rows_find_their_judgment_in_any_order(samples: pd.DataFrame, judgments: pd.DataFrame) -> None:
    judged = relevance_of(judgments.sample(frac=1, random_state=0), samples, "j")
    assert judged.relevance.tolist() == judgments["score"].tolist()
    assert (judged.model, judged.variant, judged.by_rank) == ("m", "relevance/graded", False)


def test_rows_without_a_judgment_are_not_known(samples: pd.DataFrame, judgments: pd.DataFrame) -> None:
    judgments.loc[3, "score"] = np.nan
    judged = relevance_of(judgments.iloc[:15], samples, "j")
    assert judged.known.sum() == 14
    assert not judged.known[3] and not judged.known[15:].any()


def test_written_answers_are_the_same_judge_s(samples: pd.DataFrame, judgments: pd.DataFrame) -> None:
    judgments.loc[::2, "variant"] = "relevance/graded+written"
    assert relevance_of(judgments, samples, "j").known.all()


def test_one_of_two_judges_is_chosen(samples: pd.DataFrame, judgments: pd.DataFrame) -> None:
    other = judgments.assign(model="other", score=0.25)
    both = pd.concat([judgments, other])
    with pytest.raises(InputError, match="several models"):
        relevance_of(both, samples, "j")
    assert set(relevance_of(both, samples, "j", model="other").relevance) == {0.25}


def test_one_of_two_variants_is_chosen(samples: pd.DataFrame, judgments: pd.DataFrame) -> None:
    both = pd.concat([judgments, judgments.assign(variant="relevance/written", score=0.75)])
    with pytest.raises(InputError, match="--variant: relevance/graded, relevance/written"):
        relevance_of(both, samples, "j")
    assert set(relevance_of(both, samples, "j", variant="relevance/written").relevance) == {0.75}


def test_a_sample_judged_twice(samples: pd.DataFrame, judgments: pd.DataFrame) -> None:
    with pytest.raises(InputError, match="'s0' is judged twice"):
        relevance_of(pd.concat([judgments, judgments.iloc[:1]]), samples, "j")


def test_only_clarity(samples: pd.DataFrame, judgments: pd.DataFrame) -> None:
    with pytest.raises(InputError, match="no judgment of relevance"):
        relevance_of(judgments.assign(aspect="clarity"), samples, "j")


@pytest.mark.parametrize(
    ("variant", "expected"),
    [("relevance/graded", False), ("relevance/query-likelihood", True), ("relevance/lexical", True), ("mine", False)],
)
def test_whose_scale_means_nothing(variant: str, expected: bool) -> None:
    assert scale_means_nothing(variant) is expected


def test_the_user_decides_about_the_scale(samples: pd.DataFrame, judgments: pd.DataFrame) -> None:
    assert relevance_of(judgments, samples, "j", by_rank=True).by_rank


def test_a_panel_is_the_mean_of_its_members_ranks(samples: pd.DataFrame, judgments: pd.DataFrame) -> None:
    other = judgments.assign(model="other", score=1 - judgments["score"]).iloc[:16]
    both = pd.concat([judgments, other])
    panel = relevance_of_all(both, samples, "j", models=["m", "other"])
    assert panel.known.sum() == 16 and panel.by_rank and panel.model == "m + other"
    assert panel.relevance[:16] == pytest.approx(0.5)
    alone = relevance_of_all(both, samples, "j", models=["m"])
    assert alone.relevance.tolist() == judgments["score"].tolist() and not alone.by_rank
    both = pd.concat([both, judgments.assign(model="third").iloc[9:]])
    with pytest.raises(InputError, match="7 samples were judged by each of other, third"):
        relevance_of_all(both, samples, "j", models=["other", "third"])


def test_of_two_files_the_later_judgment_counts(tmp_path: Path, samples: pd.DataFrame, judgments: pd.DataFrame) -> None:
    (tmp_path / "run").mkdir()
    judgments.iloc[:15].to_parquet(tmp_path / "run" / "judgments.parquet")
    judgments.iloc[10:].assign(score=1.0).to_parquet(tmp_path / "more.parquet")
    table, where = read_judgments([tmp_path / "run", tmp_path / "more.parquet"])
    assert len(table) == 20 and "more.parquet" in where
    told = relevance_of(table, samples, where)
    assert told.known.all() and (told.relevance[10:] == 1).all() and told.relevance[9] == judgments["score"][9]


@pytest.mark.parametrize(
    "failure", [{"status": "timeout", "score": np.nan}, {"status": "timeout"}, {"score": np.nan}], ids=str
)
@pytest.mark.parametrize("written", [False, True])
def test_no_failure_replaces_an_answer(
    tmp_path: Path, samples: pd.DataFrame, judgments: pd.DataFrame, failure: dict[str, object], written: bool
) -> None:
    answers = judgments.assign(variant="relevance/graded+written") if written else judgments
    answers.to_parquet(tmp_path / "answers.parquet")
    judgments.assign(**failure).to_parquet(tmp_path / "failures.parquet")
    for order in (("answers", "failures"), ("failures", "answers"), ("failures", "answers", "failures")):
        table, where = read_judgments([tmp_path / f"{name}.parquet" for name in order])
        assert len(table) == len(judgments)
        assert relevance_of(table, samples, where).relevance.tolist() == judgments["score"].tolist()


def test_of_two_failures_the_later_counts(tmp_path: Path, judgments: pd.DataFrame) -> None:
    for status in ("timeout", "refused"):
        judgments.assign(status=status, score=None).to_parquet(tmp_path / f"{status}.parquet")
    table, _ = read_judgments([tmp_path / "timeout.parquet", tmp_path / "refused.parquet"])
    assert set(table["status"]) == {"refused"} and len(table) == len(judgments)
    assert table["score"].dtype == "float64"


@pytest.mark.parametrize("field", ["sample_id", "query", "aspect", "variant", "model", "status"])
@pytest.mark.parametrize(("value", "said"), [(None, "is empty"), (7, "7 is not text"), (b"m", "is not text")])
def test_a_column_that_is_no_text(
    tmp_path: Path, judgments: pd.DataFrame, field: str, value: object, said: str
) -> None:
    judgments.to_parquet(tmp_path / "good.parquet")
    judgments.assign(**{field: value}).to_parquet(tmp_path / "bad.parquet")
    with pytest.raises(InputError) as caught:
        read_judgments([tmp_path / "good.parquet", tmp_path / "bad.parquet"])
    assert caught.value.where == f"{tmp_path / 'bad.parquet'}, row 1, field '{field}'" and said in caught.value.problem


def test_one_cell_that_is_empty(tmp_path: Path, judgments: pd.DataFrame) -> None:
    judgments.loc[3, "model"] = None
    judgments.to_parquet(tmp_path / "j.parquet")
    with pytest.raises(InputError, match=r"j\.parquet, row 4, field 'model': the model is empty"):
        read_judgments([tmp_path / "j.parquet"])


@pytest.mark.parametrize("score", ["0.5", True, [0.5]], ids=str)
def test_scores_that_are_no_numbers(tmp_path: Path, judgments: pd.DataFrame, score: object) -> None:
    judgments.assign(score=[score] * len(judgments)).to_parquet(tmp_path / "j.parquet")
    with pytest.raises(InputError, match=r"j\.parquet, field 'score': the scores are not numbers"):
        read_judgments([tmp_path / "j.parquet"])


def test_categories_are_text(tmp_path: Path, samples: pd.DataFrame, judgments: pd.DataFrame) -> None:
    judgments.assign(model=judgments["model"].astype("category")).to_parquet(tmp_path / "j.parquet")
    assert relevance_of(*tables_of(tmp_path, samples)).known.all()


def tables_of(folder: Path, samples: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, str]:
    """The judgments of a folder's one file, the samples, and its name."""
    table, where = read_judgments([folder / "j.parquet"])
    return table, samples, where


def test_of_several_files_the_faulty_one_is_named(
    tmp_path: Path, samples: pd.DataFrame, judgments: pd.DataFrame
) -> None:
    bad, good = judgments.iloc[:10], judgments.iloc[10:]
    faults = {
        "must be between 0 and 1": bad.assign(score=[2.0] + [0.5] * 9),
        "was judged for the query": bad.assign(query="another"),
        "is judged twice": pd.concat([bad, bad.iloc[:1]]),
    }
    for said, faulty in faults.items():
        faulty.to_parquet(tmp_path / "bad.parquet")
        good.to_parquet(tmp_path / "good.parquet")
        for order in (("good", "bad"), ("bad", "good")):
            table, where = read_judgments([tmp_path / f"{name}.parquet" for name in order])
            with pytest.raises(InputError, match=said) as caught:
                relevance_of(table, samples, where)
            assert "bad.parquet" in str(caught.value) and "good.parquet" not in str(caught.value)


def test_a_panel_names_each_model_once(samples: pd.DataFrame, judgments: pd.DataFrame) -> None:
    with pytest.raises(InputError, match="--model: the model 'm' is named twice"):
        relevance_of_all(judgments, samples, "j", models=["m", "m"])
