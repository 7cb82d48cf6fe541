"""The top of the page and the gains: what to do, what that rests on, and the charts of the bench."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sie_agent.report import write_report
from sie_agent.report.bench_words import twins_words
from sie_agent.report.gains import drawn_rows, has_arrows, not_beaten
from sie_agent.report.judge_quality import gain_plot, judges_table
from sie_agent.report.read import read_run
from sie_agent.results import Agreement, Verdict

from .figures import Options
from .fixtures import build_run
from .test_report import RANKERS, Page, figure_of, page_of


def test_the_page_opens_with_what_to_do(tmp_path: Path) -> None:
    page = page_of(tmp_path / "run")
    top = page.words[: page.words.index("Rows most likely wrong What the weights do")]
    assert "Train with these weights With target and weights the ranker puts 77.1 % of the pairs of a query" in top
    assert "+4.7 (+4.1 to +5.3) points, more than anything simpler gives. Below are the rows most likely wrong" in top
    assert "Now: write the weights with the command below" in top
    assert "The judge of this run is simulated" in top
    assert "What to do with strong, and why." in page.words
    assert (
        "Train on labels blended with the judge's relevance (λ = 0.6), weights by value of strength 0.5." in page.words
    )
    assert "Of 7 recipes it orders 96 tuning queries best." in page.words
    assert "another recipe, which “auto” chose there: blend 0.6 (3 of 5), log (2 of 5)" in page.words
    assert "human grades in place of the log's labels gain +5.2 (+4.2 to +6.2) points within queries" in page.words


def test_the_verdict_stands_beside_what_it_rests_on(tmp_path: Path) -> None:
    words = page_of(tmp_path / "run").words
    top = words[words.index("What does each way to train gain?") : words.index("How good is the judge?")]
    assert "the log as it is +4.7 (+4.1 to +5.3) ✓ yes" in top
    assert "word overlap as the judge +0.2 (−0.4 to +0.8) ✕ not for certain" in top
    assert "a judge that answers at random – not compared" in top


@pytest.mark.parametrize(
    ("use", "told"),
    [
        ("simpler", "Do not train by this judge's scorer. It would give labels blended"),
        ("log loses nothing", "Leave targets and weights as the log has them. The scorer of this run gives labels"),
        ("cannot tell", "Leave targets and weights as the log has them. The scorer of this run gives labels"),
    ],
)
def test_a_verdict_against_the_judge_recommends_no_recipe(tmp_path: Path, use: str, told: str) -> None:
    page = page_of(tmp_path / "run", Options(use=use))
    assert told in page.words and "Train on labels" not in page.words


def test_what_would_change_the_verdict_comes_with_numbers(tmp_path: Path) -> None:
    run = build_run(tmp_path / "run", Options(use="simpler"))
    words = Page(write_report(run).read_text(encoding="utf-8")).words
    assert "about 5,760 would show that the judge is ahead of word overlap as the judge" in words
    assert (
        "A better judge: this one puts 88.0 %" in words
        and "A poorer log: grades in place of its labels gain +5.2" in words
    )
    assert "Something else does gain here" not in words
    figures = json.loads((run / "agreement.json").read_text())
    for row in figures["downstream"]:
        if (row["strategy"], row["judge"], row["twin"], row["metric"]) == ("auto", "lexical", False, "within"):
            row["minus_log"] = {"value": 0.02, "ci_low": 0.01, "ci_high": 0.03}
    (run / "agreement.json").write_text(json.dumps(figures))
    words = Page(write_report(run).read_text(encoding="utf-8")).words
    assert "Something else does gain here, and costs nothing: word overlap as the judge, +2.0 (+1.0 to +3.0)" in words


def test_twins_that_keep_some_knowledge_are_named(tmp_path: Path) -> None:
    run = build_run(tmp_path / "run")
    figures = json.loads((run / "agreement.json").read_text())
    told = twins_words(Agreement.model_validate(figures))
    assert "at least 94 % of the rows" in told and "too fine" not in told
    figures["twins"][0]["middling"] = {"cells": "relevant", "covered": 0.84}
    assert "For middling grades were too fine" in twins_words(Agreement.model_validate(figures))


def test_of_many_judges_the_chart_has_fewer_lines(tmp_path: Path) -> None:
    run = build_run(tmp_path / "run")
    figures = json.loads((run / "agreement.json").read_text())
    more = [{**row, "judge": "fourth"} for row in figures["downstream"] if row["judge"] == "middling"]
    figures["downstream"] += more
    rows = drawn_rows(Agreement.model_validate(figures), "target", "within")
    count = {judge: sum(row.judge == judge for row in rows) for judge in ("strong", "middling", "fourth", "lexical")}
    assert count == {"strong": 6, "middling": 3, "fourth": 3, "lexical": 1}


def test_a_run_without_a_recipe_says_nothing_of_one(tmp_path: Path) -> None:
    run = build_run(tmp_path / "run")
    (run / "draws" / "1" / "facts.json").write_text("{}", encoding="utf-8")
    assert "Train on" not in Page(write_report(run).read_text(encoding="utf-8")).words


def test_gains_are_drawn_by_model_and_measure(tmp_path: Path) -> None:
    source = write_report(build_run(tmp_path / "run", Options(rankers=RANKERS))).read_text(encoding="utf-8")
    page = Page(source)
    options = [attributes for tag, attributes in page.tags if tag == "option"]
    groups = [attributes["label"] for tag, attributes in page.tags if tag == "optgroup"]
    assert tuple(groups) == RANKERS and len(options) == 3 * len(RANKERS)
    assert sum("Pooled AUC mixes two things" in (one["data-note"] or "") for one in options) == len(RANKERS)
    assert "strong (simulated), auto +4.7 (+4.1 to +5.3) points" in (options[0]["data-summary"] or "")
    assert figure_of(source, "plot-gains-data") == figure_of(source, "plot-gains-data-0")
    names = figure_of(source, "plot-gains-data")["layout"]["yaxis"]["ticktext"]
    assert names[0] == "auto" and names[4:6] == ["twin: auto", "twin: the judge&#x27;s recipe"]
    # word overlap needs no language model: one line is enough
    assert names.count("lexical: auto") == 1 and names.count("auto") == 3 and "text: tfidf" in names


def test_a_great_loss_is_an_arrow_with_its_size(tmp_path: Path) -> None:
    source = write_report(build_run(tmp_path / "run")).read_text(encoding="utf-8")
    figure = figure_of(source, "plot-gains-data")
    arrows = [trace for trace in figure["data"] if trace["marker"]["symbol"] == "triangle-left"]
    left = figure["layout"]["xaxis"]["range"][0]
    assert {text for trace in arrows for text in trace["text"]} == {"−30.0"}
    assert all(x == left > -15 for trace in arrows for x in trace["x"])


def test_the_judge_is_measured_within_queries_first(tmp_path: Path) -> None:
    source = write_report(build_run(tmp_path / "run")).read_text(encoding="utf-8")
    words = Page(source).words
    assert "The judge puts 88.0 % (87.0 to 89.0) of the pairs" in words
    assert words.index("Right pairs within queries") < words.index("Pooled AUC Spearman with grade")
    assert "on it, 3.00 (−2.00 to 8.00)" in words
    traces = {trace.get("name"): trace for trace in figure_of(source, "plot-quality-gain-data")["data"]}
    assert traces["simulated judges"]["x"] == pytest.approx([50, 74, 88])
    assert [text.strip() for text in traces["real judges"]["text"]] == ["lexical", "SmolLM2-135M"]
    assert [text.strip() for text in traces["made-up judges"]["text"]] == ["positions"]


def test_a_rival_that_is_certainly_ahead_is_named_first() -> None:
    against = [
        {"rival": "the log as it is", "value": 0.01, "ci_low": -0.01, "ci_high": 0.02, "beaten": False},
        {"rival": "the places", "value": -0.04, "ci_low": -0.07, "ci_high": -0.01, "beaten": False},
    ]
    verdict = Verdict.model_validate({"use": "simpler", "judge": "lexical", "against": against})
    assert not_beaten(verdict) == "the places (certainly ahead)"
    assert not_beaten(verdict.model_copy(update={"against": verdict.against[:1]})) == "the log as it is"


def test_arrows_are_told_of_where_they_are_drawn() -> None:
    assert has_arrows('{"data": [{"marker": {"symbol": "triangle-left"}}]}')
    assert not has_arrows('{"data": [{"marker": {"symbol": "circle"}}, {}]}')


def test_intervals_fit_into_the_chart_or_the_caption_says_that_they_do_not(tmp_path: Path) -> None:
    run = build_run(tmp_path / "run")
    figures = json.loads((run / "agreement.json").read_text())
    for reach, cut in ((0.001, False), (9.0, True)):
        for point in figures["quality"]["points"]:
            if point.get("gain"):
                value = point["gain"]["value"]
                point["gain"] |= {"ci_low": value - reach, "ci_high": value + reach}
        (run / "agreement.json").write_text(json.dumps(figures))
        plot = gain_plot(read_run(run))
        assert plot is not None and "Bars are 95 % intervals." in plot.caption
        assert ("at the edge of the chart" in plot.caption) == cut


def test_judges_without_grades_are_not_in_a_table_of_quality(tmp_path: Path) -> None:
    graded = read_run(build_run(tmp_path / "graded")).agreement
    table = judges_table(graded)
    assert table is not None and len(table.rows) == len(graded.judges)
    unknown = {"within": None, "auc": None, "spearman": None, "n_pairs": 90}
    blind = [one.model_copy(update=unknown) for one in graded.judges]
    assert judges_table(graded.model_copy(update={"judges": blind})) is None
