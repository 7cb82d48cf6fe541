"""``sie compare-prompts``: arms, decision, stability, batches, sheets of grades, and what is paid over all arms."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sie_agent.commands.compare_prompts import compare_prompts
from sie_agent.commands.comparing import arms as comparing
from sie_agent.commands.comparing.lines import lines
from sie_agent.commands.judges import Judge
from sie_agent.errors import InputError
from sie_agent.files.manifest import Manifest
from sie_agent.results import Comparison
from sie_agent.samples import load_samples

from ..judging.scripted_server import Reply, completion, scripted_server

LEXICAL = Judge("lexical")
WORDS = ("brass", "desk", "lamp", "oak", "shelf", "paper", "knob", "garden", "hose", "reel")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """120 pairs of 20 queries, whose grade is mostly the share of query words in the title."""
    rng = np.random.default_rng(0)
    rows = []
    for query in range(20):
        words = rng.choice(WORDS, 3, replace=False)
        for item in range(6):
            kept = int(rng.integers(0, 4))
            title = " ".join([*rng.choice(["blue", "red", "set", "of", "new"], 3), *words[:kept], f"no{item}"])
            grade = kept / 3 if rng.random() < 0.8 else float(rng.choice([0, 1 / 3, 2 / 3, 1]))
            texts = {"query": f"{' '.join(words)} {query}", "item_id": f"i{item}", "title": title}
            rows.append({"sample_id": f"s{query}-{item}", **texts, "grade": grade, "label": float(grade > 0.5)})
    pd.DataFrame(rows).to_parquet(tmp_path / "log.parquet")
    return tmp_path / "log.parquet"


def variant(folder: Path, name: str, chars: int) -> str:
    """A lexical variant that reads the beginning of a title alone."""
    text = f"about: x\naspect: relevance\nmethod: lexical\nuser: '{{{{ title }}}}'\nmax_title_chars: {chars}\n"
    (folder / f"{name}.yaml").write_text(text)
    return str(folder / f"{name}.yaml")


@pytest.fixture
def variants(tmp_path: Path) -> list[str]:
    return [variant(tmp_path, "short", 12), "relevance/lexical"]


def kept(folder: Path) -> Comparison:
    return Comparison.model_validate(json.loads((folder / "comparison.json").read_text()))


def test_the_first_line_says_what_to_do(data: Path, variants: list[str], tmp_path: Path) -> None:
    events = tmp_path / "events.jsonl"
    result = compare_prompts(data, variants, tmp_path / "out", judge=LEXICAL, log_json=events)
    assert result["exit_code"] == 0 and result["decision"]["verdict"] == "take"
    names = [json.loads(line)["event"] for line in events.read_text().splitlines()]
    assert names[0] == "start" and names[-1] == "end" and names.count("answer") == result["asked"] > 0
    told = list(lines(result))
    assert told[0].startswith("Take relevance/lexical: it is better than")
    assert told[1] == f"Ranking: 1. relevance/lexical; 2. {variants[0]}"
    assert sum(line.endswith("control") for line in told) == 3
    file = kept(tmp_path / "out")
    assert file.decision is not None and file.decision.sentence == told[0]
    assert file.decision.pairs[0].better == "relevance/lexical" and file.decision.pairs[0].n_queries == 20
    judgments = pd.read_parquet(tmp_path / "out" / "judgments.parquet")
    assert judgments.groupby("arm").size().to_dict() == {variants[0]: 120, "relevance/lexical": 120}


def test_every_variant_is_asked_of_every_judge(data: Path, tmp_path: Path) -> None:
    judges = ["a=lexical", "b=lexical"]
    result = compare_prompts(data, ["relevance/lexical"], tmp_path / "out", judges=judges)
    names = ["relevance/lexical @ a", "relevance/lexical @ b"]
    assert [row["variant"] for row in result["variants"]] == names
    assert [row["judge"] for row in result["variants"]] == ["a", "b"]
    assert result["decision"]["verdict"] == "same" and "byte-identical" in next(iter(lines(result)))
    by_name = {"a": LEXICAL, "b": LEXICAL}
    again = compare_prompts(data, ["relevance/lexical"], tmp_path / "again", judge=by_name)
    assert again["variants"] == [{**row, "reasons": []} for row in result["variants"]]


def test_a_judge_is_opened_once_for_all_its_variants(
    data: Path, variants: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[float] = []
    real = comparing.open_judge

    def counted(judge: Judge, **how: Any) -> Any:
        opened.append(judge.concurrency)
        return real(judge, **how)

    monkeypatch.setattr(comparing, "open_judge", counted)
    judges = {name: Judge("lexical", concurrency=number) for number, name in enumerate("ab", 1)}
    with comparing.asking(tmp_path / "c.sqlite", Manifest([])) as asked:
        tables = comparing.judge_each(load_samples(data), comparing.arms_of(variants, judges), asked)
    assert len(tables) == 4 and opened == [1, 2]


@pytest.mark.parametrize("decide_by", ["ndcg@10", "kappa", "spearman"])
def test_another_metric_may_decide(data: Path, tmp_path: Path, decide_by: str) -> None:
    variants = [variant(tmp_path, "short", 20), "relevance/lexical"]
    result = compare_prompts(data, variants, tmp_path / "out", judge=LEXICAL, decide_by=decide_by)
    pair = result["decision"]["pairs"][0]
    figures = [row["metrics"][decide_by]["value"] for row in result["variants"]]
    assert result["decision"]["metric"] == decide_by
    assert pair["difference"] == pytest.approx(figures[1] - figures[0])


def test_pairs_are_asked_again(data: Path, variants: list[str], tmp_path: Path) -> None:
    result = compare_prompts(data, variants, tmp_path / "out", judge=LEXICAL, stability=30, repeats=3)
    rows = {(row["variant"], row["change"]): row for row in result["stability"]}
    assert len(rows) == 2 * 5
    repeat = rows["relevance/lexical", "repeat"]
    assert repeat["n_pairs"] == 90 and repeat["same_level"]["value"] == 1 and repeat["mean_change"]["value"] == 0
    assert rows["relevance/lexical", "examples"]["note"] and rows["relevance/lexical", "word order"]["n_pairs"] == 30
    assert any(line.startswith("asked again") for line in lines(result))


@pytest.mark.slow
def test_it_stops_as_soon_as_it_is_decided(data: Path, variants: list[str], tmp_path: Path) -> None:
    frame = pd.read_parquet(data)
    many = pd.concat(
        [frame.assign(query=frame["query"] + f" {n}", sample_id=frame["sample_id"] + f"-{n}") for n in range(9)]
    )
    many.to_parquet(data)
    rule: dict[str, Any] = {"judge": LEXICAL, "until": "decided", "batch": 12, "seed": 3}
    result = compare_prompts(data, variants, tmp_path / "out", **rule)
    batches = result["batches"]
    assert [row["decided"] for row in batches] == [False] * (len(batches) - 1) + [True]
    assert batches[-1]["n_queries"] == 12 * len(batches) == result["n_queries"] < 180
    assert result["decision"]["sequential"] and result["decision"]["choice"] == "relevance/lexical"
    assert result["n_samples"] == batches[-1]["n_pairs"] == 6 * batches[-1]["n_queries"]
    again = compare_prompts(data, variants, tmp_path / "again", **rule)
    assert again["batches"] == batches and again["asked"] == 0


def test_without_grades_it_says_so_and_a_sheet_makes_up_for_them(
    data: Path, variants: list[str], tmp_path: Path
) -> None:
    truth = pd.read_parquet(data).set_index("sample_id")["grade"]
    pd.read_parquet(data).drop(columns="grade").to_parquet(data)
    sheet = tmp_path / "sheet.csv"
    wanted: dict[str, Any] = {"grade_next": 48, "out_sheet": sheet, "whole_queries": True}
    result = compare_prompts(data, variants, tmp_path / "out", judge=LEXICAL, **wanted)
    assert result["exit_code"] == 0 and result["decision"]["verdict"] == "unknown"
    told = list(lines(result))
    assert told[0].startswith("Cannot tell which is right") and "--grade-next 50" in told[0]
    assert any(line.startswith("To grade next:") for line in told)
    filled = pd.read_csv(sheet)
    assert filled["grade"].isna().all() and len(filled) == result["sheet"]["n_pairs"] > 20
    filled.assign(grade=filled["sample_id"].map(truth)).to_csv(sheet, index=False)
    graded = compare_prompts(data, variants, tmp_path / "graded", judge=LEXICAL, grades=sheet)
    assert graded["graded_by_sheet"] == graded["n_pairs"] == len(filled)
    assert graded["decision"]["verdict"] in ("take", "grade-more") and "sheet" in graded["note"]
    powered = graded["variants"][0]["powered"]["within"]
    assert powered["n_graded"] == graded["n_queries"] and powered["n_all"] > powered["n_graded"]
    assert powered["predictor"] == "relevance/lexical"
    assert kept(tmp_path / "graded").variants[0].powered["within"].n_all == powered["n_all"]
    told = "\n".join(lines(graded))
    assert "within, few grades" in told and f"{powered['n_graded']} of {powered['n_all']}" in told


def test_a_sheet_of_single_pairs_says_what_the_metric_needs(data: Path, variants: list[str], tmp_path: Path) -> None:
    pd.read_parquet(data).drop(columns="grade").to_parquet(data)
    sheet = tmp_path / "sheet.csv"
    wanted: dict[str, Any] = {"judge": LEXICAL, "grade_next": 5, "out_sheet": sheet}
    result = compare_prompts(data, variants, tmp_path / "out", **wanted)
    told = "\n".join(lines(result))
    assert "--grade-next 50 --whole-queries --out-sheet" in told and "within needs several graded pairs" in told
    by_auc = "\n".join(lines({**result, "decide_by": "auc"}))
    assert "needs several graded pairs" not in by_auc
    # one graded pair of each query: no order within a query
    filled = pd.read_csv(sheet).drop_duplicates("query")
    filled.assign(grade=1.0).to_csv(sheet, index=False)
    graded = compare_prompts(data, variants, tmp_path / "graded", judge=LEXICAL, grades=sheet)
    assert "no query has two pairs of different grade" in graded["decision"]["sentence"]
    assert "[–, –]" not in "\n".join(lines(graded))


def test_a_judge_is_asked_only_what_it_can_answer(capsys: pytest.CaptureFixture[str]) -> None:
    judges = {"words": LEXICAL, "meaning": Judge("embedding")}
    arms = comparing.arms_of(["relevance/cosine", "relevance/lexical"], judges)
    assert [arm.name for arm in arms] == ["relevance/lexical @ words", "relevance/cosine @ meaning"]
    assert "relevance/cosine @ words is left out" in capsys.readouterr().err
    # a judge that can answer nothing is refused later, not forgotten
    assert len(comparing.arms_of(["relevance/lexical"], judges)) == 2


def test_a_sheet_is_written_though_a_variant_failed(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    pd.read_parquet(data).drop(columns="grade").to_parquet(data)
    given = ["relevance/graded", "relevance/plain", "relevance/yes-no"]
    wanted: dict[str, Any] = {"limit": 12, "grade_next": 4, "out_sheet": tmp_path / "sheet.csv"}
    with scripted_server(lambda body, _: answer(body)) as server:
        judge = Judge("openai", "m", server.url)
        result = compare_prompts(data, given, tmp_path / "out", judge=judge, **wanted)
    assert [one["variant"] for one in result["failed"]] == ["relevance/yes-no"] and result["exit_code"] == 3
    assert len(pd.read_csv(tmp_path / "sheet.csv")) == result["sheet"]["n_pairs"] == 4
    assert any(line.startswith("relevance/yes-no failed and is left out") for line in lines(result))


def test_a_sheet_of_other_data_is_refused(data: Path, variants: list[str], tmp_path: Path) -> None:
    (tmp_path / "sheet.csv").write_text("sample_id,query,title,grade,sampling_probability\nnowhere,q,t,1,0.5\n")
    with pytest.raises(InputError, match="'nowhere' is no pair of the data"):
        compare_prompts(data, variants, tmp_path / "out", judge=LEXICAL, grades=tmp_path / "sheet.csv")
    assert not (tmp_path / "out").exists()


BAD: list[tuple[dict[str, Any], str]] = [
    ({"decide_by": "luck"}, "expected one of within, ndcg@10"),
    ({"decide_by": "severe"}, "expected one of within"),
    ({"until": "tomorrow"}, "expected decided, found 'tomorrow'"),
    ({"until": "decided", "decide_by": "auc"}, "needs a metric of each query, not auc"),
    ({"grade_next": 5}, "go together"),
    ({"whole_queries": True}, "which is not given"),
    ({"margin": 0.0}, "a number above 0"),
    ({"judges": ["a"]}, "expected name=backend"),
    ({"max_cost": 1.0}, "a limit on cost needs prices"),
    ({"grade_next": 5, "out_sheet": "s.csv"}, "every pair has a grade"),
]


@pytest.mark.parametrize(("given", "says"), BAD)
def test_what_is_given_wrongly_is_told(
    data: Path, variants: list[str], tmp_path: Path, given: dict[str, Any], says: str
) -> None:
    with pytest.raises(InputError) as error:
        compare_prompts(data, variants, tmp_path / "out", **{"judge": LEXICAL, **given})
    assert says in str(error.value) and not (tmp_path / "out").exists()


def answer(body: dict[str, Any]) -> Reply:
    high = 0.1 + 0.8 * (len(json.dumps(body["messages"])) % 9) / 9
    return Reply(body=completion("3", top={"3": math.log(high), "0": math.log(1 - high)}))


def paid_judge(url: str, model: str, price: float) -> Judge:
    return Judge("openai", model, url, price_input=price, price_output=0.0, concurrency=4)


@pytest.mark.slow
def test_money_is_counted_over_all_judges(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer has 100 tokens: 0.001 USD of the one model, 0.002 of the other."""
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    with scripted_server(lambda body, _: answer(body)) as server:
        judges = {"one": paid_judge(server.url, "m", 10.0), "two": paid_judge(server.url, "n", 20.0), "free": LEXICAL}
        # what each variant costs is known before anything is asked
        with pytest.raises(InputError, match="which backend 'lexical' cannot do"):
            compare_prompts(data, ["relevance/graded"], tmp_path / "out", judge=judges)
        assert server.bodies == []
        del judges["free"]
        planned = compare_prompts(data, ["relevance/graded"], judge=judges, dry_run=True, stability=5, repeats=1)
        assert [part["variant"] for part in planned["parts"]][:2] == [
            "relevance/graded @ one",
            "relevance/graded @ one, repeat",
        ]
        assert f"Together: {sum(p['to_ask'] for p in planned['parts'])} questions to ask, $" in "\n".join(
            lines(planned)
        )
        assert planned["cost"] == pytest.approx(sum(part["cost"] for part in planned["parts"])) and not server.bodies
        limit = 0.12 + 0.05
        result = compare_prompts(data, ["relevance/graded"], tmp_path / "out", judge=judges, max_cost=limit)
        assert result["stopped"] == "cost" and result["exit_code"] == 3 and result["cost"] <= limit
        rows = {row["variant"]: row for row in result["variants"]}
        assert rows["relevance/graded @ one"]["cost"] == pytest.approx(0.12)
        assert rows["relevance/graded @ two"]["n_failed"] > 90
        assert result["cost"] == pytest.approx(sum(row["cost"] for row in rows.values()))
        more = compare_prompts(data, ["relevance/graded"], tmp_path / "out", judge=judges)
        assert more["exit_code"] == 0 and len(server.bodies) == 240
        assert more["variants"][1]["cost"] == pytest.approx(0.24)


@pytest.mark.slow
def test_a_judge_that_is_not_there_loses_its_own_row_only(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    monkeypatch.setattr("sie_agent.judging.backends.http.openai.FIRST_BACKOFF", 0.01)

    def script(body: dict[str, Any], number: int) -> Reply:
        return answer(body) if body["model"] == "m" else Reply(404, {"error": {"message": "no such model: gone"}})

    with scripted_server(script) as server:
        judges = {name: Judge("openai", name, server.url, patience=0.1) for name in ("gone", "m")}
        result = compare_prompts(data, ["relevance/graded"], tmp_path / "out", judge=judges, limit=30)
    assert result["exit_code"] == 3
    assert [row["variant"] for row in result["variants"]] == ["relevance/graded @ m"]
    (failed,) = result["failed"]
    assert failed["variant"] == "relevance/graded @ gone" and "gone" in failed["cause"]
    assert "nothing to compare it with" in next(iter(lines(result))) and result["decision"]["verdict"] == "unknown"
