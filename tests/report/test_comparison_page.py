"""The page of a comparison: the decision first, a trace for each arm, nothing foreign becomes code."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sie_agent.report import write_comparison_page
from sie_agent.report.comparison.arms import ShownComparison, short_names
from sie_agent.report.comparison.costs import cost_plot, pareto
from sie_agent.report.comparison.matrix import matrix_of, p_words
from sie_agent.report.comparison.top import top_of
from sie_agent.report.comparison.whole import content
from sie_agent.results import Comparison

from .comparisons import ARMS, MANY, comparison
from .fixtures import HOSTILE
from .test_browser import CHROMIUM, CUT_TEXT, OVERFLOWING, OVERLAPPING, PHONE, WIDTHS, marks_per_plot, open_page
from .test_report import Page, figure_of

with_browser = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no Chromium at {CHROMIUM}: apt-get install chromium"),
]


@pytest.fixture(scope="module")
def four() -> Comparison:
    return comparison()


@pytest.fixture(scope="module")
def held(four: Comparison) -> dict[str, Any]:
    return content(four)


@pytest.fixture(scope="module")
def source(four: Comparison, tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_comparison_page(tmp_path_factory.mktemp("page"), four).read_text(encoding="utf-8")


def words(page: str) -> str:
    return Page(page).words.replace("\xa0", " ")


def test_the_first_sentence_is_the_decision(four: Comparison, source: str) -> None:
    assert four.decision is not None
    head = source[source.index("<h1") : source.index("</h1>")]
    assert four.decision.sentence in words(head)
    assert words(source).index(four.decision.sentence) < words(source).index("How good is each arm?")


@pytest.mark.parametrize(
    ("verdict", "tone"), [("take", "good"), ("keep", "good"), ("same", "fair"), ("grade-more", "")]
)
def test_the_tone_is_that_of_the_verdict(verdict: str, tone: str) -> None:
    top = top_of(ShownComparison(comparison(ARMS[:2], bias=False, verdict=verdict)))
    assert top.tone == tone and ("--grade-next" in top.next_step) == (verdict == "grade-more")


def test_every_arm_and_control_has_a_trace_with_its_interval(four: Comparison, source: str) -> None:
    drawn = figure_of(source, "plot-arms-data")["data"]
    assert len(drawn) == len(four.variants) + len(four.controls) == 5
    shown = {trace["name"]: trace for trace in drawn}
    for one in four.variants:
        trace, held = shown[one.variant.removeprefix("relevance/")], one.metrics["within"]
        assert trace["x"] == [held.value]
        assert trace["x"][0] + trace["error_x"]["array"][0] == pytest.approx(held.ci_high)
        assert trace["x"][0] - trace["error_x"]["arrayminus"][0] == pytest.approx(held.ci_low)
    assert shown["word overlap"]["marker"]["symbol"] == "circle-open"
    assert [shown[name]["marker"]["symbol"] for name in ("graded", "esci")] == ["square", "circle"]


def test_every_metric_can_be_chosen_the_deciding_one_first(source: str) -> None:
    page = Page(source)
    chosen = [attrs for tag, attrs in page.tags if tag == "option" and "plot-arms" in (attrs.get("value") or "")]
    assert len(chosen) == 10 and "selected" in chosen[0]
    assert figure_of(source, "plot-arms-data-0")["layout"]["xaxis"]["title"]["text"] == "within-query accuracy"


def test_the_matrix_says_what_the_tests_say() -> None:
    found = comparison(MANY, bias=False)
    compared = ShownComparison(found)
    held = matrix_of(compared)
    assert held is not None and found.decision is not None and held.pairs == len(found.decision.pairs) == 45
    cells = {(arm.name, other.name): cell for arm, row in held.rows for other, cell in zip(held.arms, row, strict=True)}
    for pair in found.decision.pairs:
        one, mirrored = cells[pair.first, pair.second], cells[pair.second, pair.first]
        kinds = {one.kind, mirrored.kind}
        assert kinds == ({"better", "worse"} if pair.better else {"same"} if pair.equivalent else {"open"})
        assert pair.better in (None, pair.first if one.kind == "better" else pair.second)
        assert one.difference.strip("+−") == mirrored.difference.strip("+−")
        assert (one.difference[0] == "−") == (pair.difference > 0)
        assert one.kind != "better" or one.difference[0] == "+"
        assert one.p == mirrored.p
    assert {cell.kind for cell in cells.values()} >= {"better", "worse", "open", "self"}
    assert held.undecided == sum(pair.better is None and not pair.equivalent for pair in found.decision.pairs)


def test_identical_arms_and_equal_ones_are_said() -> None:
    given = comparison(ARMS[:3], bias=False).model_dump()
    first, second, _ = given["decision"]["pairs"]
    first.update(identical=True, equivalent=True, difference=0.0, better=None)
    second.update(identical=False, equivalent=True, p_equivalent=0.0123, better=None)
    held = matrix_of(ShownComparison(Comparison.model_validate(given)))
    assert held is not None
    told = {(cell.kind, cell.word, cell.p) for _, row in held.rows for cell in row}
    assert ("same", "byte-identical", "") in told and ("same", "same", "p 0.012") in told


@pytest.mark.parametrize(("p", "told"), [(None, "–"), (0.0004, "< 0.001"), (0.0123, "0.012"), (1.0, "1.000")])
def test_p_values_are_readable(p: float | None, told: str) -> None:
    assert p_words(p) == told


def test_the_front_is_of_what_nothing_beats_at_both() -> None:
    points = [(1.0, 0.5), (2.0, 0.7), (3.0, 0.6), (2.0, 0.7), (2.0, 0.4)]
    assert pareto(points) == {0, 1, 3}
    assert pareto([(1.0, 1.0)]) == {0}


def test_cost_is_in_money_else_tokens_else_seconds_never_mixed() -> None:
    given = comparison(ARMS[:3], bias=False).model_dump()
    axes = []
    for lacking in ("nothing", "cost", "input_tokens", "output_tokens", "seconds_per_pair"):
        given["variants"][1][lacking] = None if lacking in ("cost", "seconds_per_pair") else 0
        if lacking == "output_tokens":
            given["variants"] = [{**one, "input_tokens": 0, "output_tokens": 0} for one in given["variants"]]
        plot = cost_plot(ShownComparison(Comparison.model_validate(given)))
        axes.append(plot and json.loads(plot.figure)["layout"]["xaxis"]["title"]["text"].split(" (")[0])
    assert axes == ["USD for 1,000 pairs", "tokens a pair", "tokens a pair", "seconds a pair", None]


def test_the_cheapest_and_the_best_are_on_the_front(four: Comparison, held: dict[str, Any]) -> None:
    drawn = json.loads(held["cost_plot"].figure)["data"]
    assert drawn[0]["name"] == "Pareto front" and len(drawn) == 1 + len(four.variants)
    best = max(one.metrics["within"].value for one in four.variants)
    assert drawn[0]["y"][-1] == best and drawn[0]["x"][0] == min(min(trace["x"]) for trace in drawn[1:])
    assert {row[-1] for row in held["cost_table"].rows} == {"yes", "–"}


def test_pairs_stand_side_by_side_with_what_each_arm_said(held: dict[str, Any], source: str) -> None:
    page = Page(source)
    listed = [attrs for tag, attrs in page.tags if tag == "li" and "data-department" in attrs]
    assert len(listed) == 30 and {attrs["data-department"] for attrs in listed} == {"0", "1", "2"}
    first = held["differing"].pairs[0]
    assert [one.name.split()[0] for one in first.said] == ["1", "2", "3", "4"]
    assert "kitchen & dining (10 pairs)" in page.words
    for one in first.said:
        assert one.near == (one.level == f"level {first.grade}")


def test_bias_has_a_row_for_each_feature_also_those_that_the_data_lack(held: dict[str, Any]) -> None:
    rows = {row[0]: row for row in held["bias_table"].rows}
    assert list(rows) == ["title length", "position", "brand", "language", "price"]
    assert rows["price"][3] == "not in this data" and rows["language"][3].startswith("not in this data")
    assert "relevance/esci +0.1" in rows["title length"][4]


def test_reliability_is_shown_before_and_after(source: str) -> None:
    traces = {trace["name"]: trace for trace in figure_of(source, "plot-reliability-data")["data"]}
    assert set(traces) == {"equal", "as judged", "after"}
    assert len(traces["as judged"]["x"]) == 10 and traces["equal"]["x"] == [0, 1]


def test_without_grades_there_is_agreement_and_no_verdict(tmp_path: Path) -> None:
    found = comparison(graded=False)
    told = words(write_comparison_page(tmp_path, found).read_text(encoding="utf-8"))
    assert "Without grades nobody can tell." in told and "How far do the arms agree?" in told
    assert "0.61 (0.52 to 0.70)" in told and "Ranking" not in told and "Every two arms" not in told


def test_a_bare_comparison_has_a_page_and_so_has_a_file_of_an_older_version(tmp_path: Path) -> None:
    assert "no decision" in words(write_comparison_page(tmp_path, Comparison()).read_text(encoding="utf-8"))
    old = {"variants": [{"variant": "a", "auc": {"value": 0.7}}, {"variant": "b"}], "baseline": "a", "n_pairs": 10}
    write_comparison_page(tmp_path, Comparison.model_validate(old))


def test_every_chart_says_its_mode_and_what_it_rests_on(held: dict[str, Any]) -> None:
    for key in ("arms_plot", "cost_plot", "reliability_plot", "bias_plot"):
        after = " (after: gold-calibrated, 480 grades)" if key == "reliability_plot" else ""
        assert held[key].mode == f"zero-shot{after}" and "480 pairs" in held[key].basis
        assert held[key].summary and held[key].caption


def test_failed_arms_and_a_stop_are_said_at_the_top() -> None:
    given = comparison(ARMS[:2], bias=False).model_dump() | {"stopped": "the cost limit was met", "n_left_out": 300}
    told = " ".join(top_of(ShownComparison(Comparison.model_validate(given))).cautions)
    assert "relevance/broken failed and is left out: the server refused the key" in told
    assert "the cost limit was met" in told and "38 % of the pairs are left out" in told


def test_names_keep_both_ends_and_lose_what_all_share() -> None:
    assert short_names(["relevance/a", "relevance/b"]) == ["a", "b"]
    assert short_names(["relevance/a", "mine.yaml"]) == ["relevance/a", "mine.yaml"]
    long = short_names(["x/query-likelihood-with-much-terse", "x/query-likelihood-with-much-plain"])
    assert len(set(long)) == 2 and all(len(name) <= 24 for name in long)
    assert short_names([]) == []


def hostile_page(folder: Path) -> Path:
    """Foreign words in every place that foreign words can come from, names of arms too."""
    names = [f"{text} {place}" for place, text in enumerate(HOSTILE)]
    return write_comparison_page(folder, comparison(names, texts=HOSTILE))


@pytest.mark.slow
def test_hostile_words_are_text_in_the_page_and_in_the_charts(tmp_path: Path) -> None:
    source = hostile_page(tmp_path).read_text(encoding="utf-8")
    page = Page(source)
    assert not [attrs for tag, attrs in page.tags if tag in ("img", "b") and attrs]
    assert not [attrs for tag, attrs in page.tags if (attrs.get("href") or "").startswith("javascript")]
    assert not [name for _, attrs in page.tags for name in attrs if name.startswith("on")]
    scripts = [attrs for tag, attrs in page.tags if tag == "script"]
    assert sum(attrs.get("type") != "application/json" for attrs in scripts) == 3
    assert "<img src=x onerror" in page.words
    for block in page.data:
        figure = json.loads(block)
        assert "<img" not in json.dumps(figure) and "%{x}" not in json.dumps(figure["data"])


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_comparison_page(tmp_path_factory.mktemp("many"), comparison(MANY))


class TestInABrowser:
    pytestmark = with_browser

    @pytest.mark.parametrize("settings", [{}, {"color_scheme": "dark"}, PHONE], ids=["light", "dark", "phone"])
    def test_every_plot_is_drawn_and_the_console_is_clean(
        self, browser: Any, many: Path, settings: dict[str, Any]
    ) -> None:
        page, complaints = open_page(browser, many, **settings)
        drawn = marks_per_plot(page)
        assert set(drawn) == {"plot-arms", "plot-cost", "plot-bias", "plot-reliability"} and all(drawn.values()), drawn
        assert drawn["plot-arms"] == len(MANY) + 1
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert complaints == []
        page.context.close()

    @pytest.mark.parametrize("size", WIDTHS, ids=[str(width) for width, _ in WIDTHS])
    def test_nothing_is_cut_off_or_covered(self, browser: Any, many: Path, size: tuple[int, int]) -> None:
        page, _ = open_page(browser, many, viewport={"width": size[0], "height": size[1]})
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
        assert [part for part in page.evaluate(OVERFLOWING) if not part.startswith("scroll")] == []
        assert page.evaluate(CUT_TEXT) == []
        assert page.evaluate(OVERLAPPING) == []
        page.context.close()

    def test_the_first_screen_holds_the_decision_and_the_intervals(
        self, browser: Any, four: Comparison, tmp_path: Path
    ) -> None:
        path = write_comparison_page(tmp_path, four)
        page, complaints = open_page(browser, path, opened=False, viewport={"width": 1440, "height": 900})
        bottom = page.evaluate("document.querySelector('#plot-arms .plot-container').getBoundingClientRect().bottom")
        assert bottom < 900
        assert path.stat().st_size < 2_000_000 and complaints == []
        page.context.close()

    def test_pairs_are_filtered_by_department(self, browser: Any, four: Comparison, tmp_path: Path) -> None:
        page, complaints = open_page(browser, write_comparison_page(tmp_path, four), opened=False)
        page.get_by_label("Department", exact=True).select_option(index=2)
        shown = page.locator("#differing-list li:visible")
        assert shown.count() == 10 and page.inner_text("#differing-list-told") == "10 pairs shown"
        assert len({one.get_attribute("data-department") for one in shown.all()}) == 1
        page.get_by_label("Department", exact=True).select_option(index=0)
        assert page.locator("#differing-list li:visible").count() == 30
        assert complaints == []
        page.context.close()

    def test_another_figure_and_another_arm_are_chosen(self, browser: Any, four: Comparison, tmp_path: Path) -> None:
        page, complaints = open_page(browser, write_comparison_page(tmp_path, four))
        page.get_by_label("Figure", exact=True).select_option(index=9)
        assert "expected calibration error" in page.get_attribute("#plot-arms", "aria-label")
        assert "Less is better" in page.inner_text("#plot-arms-note")
        page.get_by_label("Arm", exact=True).select_option(index=3)
        assert "Reliability of " in page.get_attribute("#plot-reliability", "aria-label")
        assert complaints == []
        page.context.close()

    def test_hostile_words_run_nothing(self, browser: Any, tmp_path: Path) -> None:
        page, complaints = open_page(browser, hostile_page(tmp_path))
        foreign = "main img, main a[href^=javascript], main script:not([type='application/json'])"
        assert page.locator(foreign).count() == 0
        assert page.evaluate("document.querySelectorAll('.plot a, .plot image, .plot script').length") == 0
        page.evaluate("Plotly.Fx.hover('plot-arms', [{curveNumber: 1, pointNumber: 0}])")
        page.wait_for_selector("#plot-arms .hoverlayer .hovertext")
        assert page.evaluate("window.injected") is None
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert complaints == []
        page.context.close()
