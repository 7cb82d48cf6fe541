"""The page in a real browser, with the network cut: drawn, silent, and nothing asked of anyone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sie_agent.report import write_explanations, write_report
from sie_agent.suite.run import made_of_relevance

from .figures import Options
from .fixtures import HOSTILE, build_run
from .test_report import hostile_everywhere

CHROMIUM = Path("/usr/bin/chromium")
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no Chromium at {CHROMIUM}: apt-get install chromium"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu"])
        yield opened
        opened.close()


def open_page(browser: Any, path: Path, *, opened: bool = True, **settings: Any) -> tuple[Any, list[str]]:
    """The page, with nothing folded if *opened*, and what it should not have done: console output, errors, requests."""
    context = browser.new_context(**settings)
    context.set_offline(True)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
    page.on("dialog", lambda dialog: complaints.append(f"dialog: {dialog.message}"))
    page.on(
        "request",
        lambda request: None if request.url.startswith(("file://", "data:")) else complaints.append(request.url),
    )
    page.goto(path.as_uri())
    if opened:
        page.evaluate("document.querySelectorAll('details').forEach(part => { part.open = true; })")
        page.wait_for_function(
            "Array.from(document.querySelectorAll('.plot')).every(plot => plot.querySelector('.main-svg'))"
        )
    return page, complaints


def marks_per_plot(page: Any) -> dict[str, int]:
    """How many traces with something drawn in them each chart has."""
    script = """() => Object.fromEntries(Array.from(document.querySelectorAll('.plot')).map(plot => [plot.id,
        Array.from(plot.querySelectorAll('.trace')).filter(trace => trace.querySelector('path')).length]))"""
    drawn: dict[str, int] = page.evaluate(script)
    return drawn


@pytest.mark.parametrize("settings", [{}, {"color_scheme": "dark"}, PHONE], ids=["light", "dark", "phone"])
def test_every_plot_is_drawn_and_the_console_is_clean(browser: Any, tmp_path: Path, settings: dict[str, Any]) -> None:
    options = Options(rankers=("target", "linear", "lambdamart"))
    page, complaints = open_page(browser, write_report(build_run(tmp_path / "run", options)), **settings)
    drawn = marks_per_plot(page)
    assert len(drawn) == 8 + len(made_of_relevance())
    assert all(drawn.values()), drawn
    assert complaints == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.context.close()


def test_model_and_measure_are_chosen(browser: Any, tmp_path: Path) -> None:
    run = build_run(tmp_path / "run", Options(rankers=("target", "lambdamart")))
    page, complaints = open_page(browser, write_report(run))
    first = page.evaluate("document.getElementById('plot-gains').data[0].x[0]")
    page.get_by_label("Model and measure").select_option(index=5)
    assert page.evaluate("document.getElementById('plot-gains').data[0].x[0]") == pytest.approx(first + 1)
    assert "No shopper sees the second" in page.inner_text("#plot-gains-note")
    assert "LambdaMART" in page.get_attribute("#plot-gains", "aria-label")
    assert marks_per_plot(page)["plot-gains"] > 0
    assert complaints == []
    page.context.close()


def test_dark_text_is_light(browser: Any, tmp_path: Path) -> None:
    page, _ = open_page(browser, write_report(build_run(tmp_path / "run")), color_scheme="dark")
    script = "getComputedStyle(document.querySelector('.plot .ytick text')).fill"
    red, green, blue = (int(part) for part in page.evaluate(script).removeprefix("rgb(").removesuffix(")").split(","))
    assert min(red, green, blue) > 140
    page.context.close()


def test_a_log_without_grades_draws_what_it_has(browser: Any, tmp_path: Path) -> None:
    page, complaints = open_page(browser, write_report(build_run(tmp_path / "run", Options(graded=False))))
    drawn = marks_per_plot(page)
    assert len(drawn) == 3 + len(made_of_relevance()) and all(drawn.values()), drawn
    assert complaints == []
    page.context.close()


def test_hostile_text_runs_nothing_and_hover_shows_it_as_text(browser: Any, tmp_path: Path) -> None:
    run = build_run(tmp_path / "run", Options(texts=HOSTILE))
    hostile_everywhere(run)
    page, complaints = open_page(browser, write_report(run))
    page.evaluate(
        """() => { const plot = document.getElementById('plot-map'); plot.scrollIntoView();
        Plotly.Fx.hover(plot, [{curveNumber: 0, pointNumber: 0}]); }"""
    )
    page.wait_for_selector("#plot-map .hoverlayer .hovertext")
    assert "<" in page.text_content("#plot-map .hoverlayer")
    assert page.evaluate("document.querySelectorAll('.plot a, .plot image, .plot script, main img').length") == 0
    assert page.evaluate("window.injected") is None
    assert complaints == []
    page.context.close()


@pytest.mark.parametrize("settings", [{}, {"color_scheme": "dark"}, PHONE], ids=["light", "dark", "phone"])
def test_a_row_opens_to_show_why(browser: Any, tmp_path: Path, settings: dict[str, Any]) -> None:
    run = build_run(tmp_path / "run", Options(explained=True))
    page, complaints = open_page(browser, write_report(run), opened=False, **settings)
    page.locator("#rows > summary").click()
    row = page.locator("#rows .rows li").first
    table, word = row.locator(".features"), row.locator(".mark-word.up").first
    assert not table.is_visible()
    row.get_by_text("Why this score").click()
    assert table.is_visible() and "+0.200" in table.inner_text()
    assert row.locator(".bar .up").first.bounding_box()["width"] > 20
    shade = "element => getComputedStyle(element).backgroundColor"
    assert word.evaluate(shade) != row.locator(".mark-word.down").first.evaluate(shade)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert complaints == []
    page.context.close()


def test_hostile_words_run_nothing(browser: Any, tmp_path: Path) -> None:
    run = build_run(tmp_path / "run", Options(texts=HOSTILE, explained=True))
    explanations = json.loads((run / "explanations.json").read_text(encoding="utf-8"))["explanations"]
    alone = write_explanations([{**one, "sample_id": one["title"]} for one in explanations[:40]], tmp_path / "why.html")
    for path in (write_report(run), alone):
        page, complaints = open_page(browser, path)
        foreign = "main img, main a[href^=javascript], main script:not([type='application/json'])"
        assert page.locator(foreign).count() == 0
        assert "<img" in page.inner_text("main")
        assert page.evaluate("window.injected") is None
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert complaints == []
        page.context.close()


def test_print_opens_what_is_folded(browser: Any, tmp_path: Path) -> None:
    page, complaints = open_page(browser, write_report(build_run(tmp_path / "run")), opened=False)
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate("document.querySelectorAll('details:not([open])').length") == 0
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert page.evaluate("document.querySelectorAll('details[open]').length") == 0
    assert len(page.pdf()) > 10_000
    assert complaints == []
    page.context.close()


WIDTHS = [(1440, 900), (1024, 768), (390, 844)]
VERDICTS = {
    "use": Options(explained=True),
    "simpler": Options(use="simpler", explained=True),
    "cannot tell": Options(use="cannot tell", test_queries=15),
    "unknown": Options(graded=False, explained=True),
}
# regions that would hide something or scroll sideways
OVERFLOWING = """() => Array.from(document.querySelectorAll(
    '.scroll, pre, .command, .gain, .two, .step, .button, .rows li, .fold > summary'))
    .filter(part => part.scrollWidth > part.clientWidth + 1 && getComputedStyle(part).display !== 'inline')
    .map(part => part.className + ' ' + part.textContent.trim().slice(0, 60))"""


def test_what_to_act_on_comes_first_and_fits_five_screens(browser: Any, tmp_path: Path) -> None:
    for name, options in VERDICTS.items():
        path = write_report(build_run(tmp_path / name.replace(" ", "-"), options))
        assert path.stat().st_size < 2_000_000
        page, complaints = open_page(browser, path, opened=False, viewport={"width": 1440, "height": 900})
        order = page.evaluate("Array.from(document.querySelectorAll('main > section')).map(part => part.id)")
        assert order[:3] == ["wrong", "weights", "next"] and order[-1] == "check"
        top = page.evaluate("document.querySelector('#check .fold').getBoundingClientRect().top + scrollY")
        assert top < 5 * 900, name
        assert page.locator("#check details[open]").count() == 0
        assert complaints == []
        page.context.close()


@pytest.mark.parametrize("size", WIDTHS, ids=[str(width) for width, _ in WIDTHS])
def test_nothing_is_cut_off_or_scrolls_sideways(browser: Any, tmp_path: Path, size: tuple[int, int]) -> None:
    run = build_run(tmp_path / "run", Options(explained=True, rankers=("target", "linear")))
    page, complaints = open_page(browser, write_report(run), viewport={"width": size[0], "height": size[1]})
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert page.evaluate(OVERFLOWING) == []
    assert complaints == []
    page.context.close()


# text of a chart that is drawn beyond it, or over another text
CUT_TEXT = """() => Array.from(document.querySelectorAll('.plot')).flatMap(plot => {
    const box = plot.getBoundingClientRect();
    const told = Array.from(plot.querySelectorAll('.main-svg text')).filter(
        text => text.textContent.trim() && text.getBoundingClientRect().width
            && getComputedStyle(text).opacity !== '0');
    return told.filter(text => { const part = text.getBoundingClientRect();
        return part.left < box.left - 1 || part.right > box.right + 1 || part.top < box.top - 1
            || part.bottom > box.bottom + 1; }).map(text => plot.id + ': ' + text.textContent.slice(0, 60)); })"""
OVERLAPPING = """() => Array.from(document.querySelectorAll('.plot')).flatMap(plot => {
    const parts = Array.from(plot.querySelectorAll('.textpoint text, .annotation text')).filter(
        text => text.textContent.trim()).map(text => [text.textContent.trim(), text.getBoundingClientRect()]);
    return parts.flatMap(([name, one], place) => parts.slice(place + 1).filter(([, other]) =>
        Math.min(one.right, other.right) - Math.max(one.left, other.left) > 3
        && Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top) > 3).map(
        ([beside]) => plot.id + ': ' + name + ' / ' + beside)); })"""


@pytest.mark.parametrize("size", WIDTHS, ids=[str(width) for width, _ in WIDTHS])
def test_no_text_of_a_chart_is_cut_or_covered(browser: Any, tmp_path: Path, size: tuple[int, int]) -> None:
    run = build_run(tmp_path / "run", Options(explained=True, rankers=("target", "linear")))
    page, _ = open_page(browser, write_report(run), viewport={"width": size[0], "height": size[1]})
    assert page.evaluate(CUT_TEXT) == []
    assert page.evaluate(OVERLAPPING) == []
    page.context.close()


def test_captions_tell_of_nothing_that_is_not_drawn(browser: Any, tmp_path: Path) -> None:
    page, _ = open_page(browser, write_report(build_run(tmp_path / "run", Options(graded=False))))
    told = page.evaluate(
        """() => Array.from(document.querySelectorAll('.plot')).map(plot => {
            const figure = plot.closest('figure') || plot.parentElement;
            const dashes = Array.from(plot.querySelectorAll('.shapelayer path')).map(
                line => getComputedStyle(line).strokeDasharray).filter(dash => dash !== 'none');
            return [plot.id, figure.innerText, dashes.length]; })"""
    )
    assert told
    for name, text, dashes in told:
        assert ("dashed line" not in text and "dotted line" not in text) or dashes, name
    page.context.close()


def test_commands_are_copied_and_files_lie_beside_the_page(browser: Any, tmp_path: Path) -> None:
    run = build_run(tmp_path / "run", Options(graded=False))
    page, complaints = open_page(browser, write_report(run), opened=False)
    buttons = page.locator("[data-copy]")
    assert buttons.count() == page.locator(".command pre").count() == 6
    for number in range(buttons.count()):
        button = buttons.nth(number)
        button.focus()
        page.keyboard.press("Enter")
        page.wait_for_function(
            "number => document.querySelectorAll('[data-copy]')[number].textContent === 'Copied'", arg=number
        )
        told = page.locator(f"#{button.get_attribute('data-copy')}").text_content()
        page.evaluate("document.body.append(Object.assign(document.createElement('textarea'), {id: 'paste'}))")
        page.locator("#paste").focus()
        page.keyboard.press("Control+V")
        assert page.input_value("#paste") == told and "sie" in told
        page.evaluate("document.getElementById('paste').remove()")
    links = page.evaluate("Array.from(document.querySelectorAll('a[download]')).map(link => link.getAttribute('href'))")
    assert set(links) == {"rows-to-check.csv", "next-to-judge.parquet", "next-to-grade.csv"}
    assert all((run / name).is_file() for name in links)
    assert complaints == []
    page.context.close()


def test_words_are_explained_by_keyboard(browser: Any, tmp_path: Path) -> None:
    page, _ = open_page(
        browser, write_report(build_run(tmp_path / "run")), opened=False, viewport={"width": 390, "height": 844}
    )
    word = page.locator("button.term").first
    shown = "element => getComputedStyle(element, '::after').content"
    assert word.evaluate(shown) == "none"
    word.focus()
    assert "grades say otherwise" in word.evaluate(shown) and "grades say otherwise" in word.get_attribute("aria-label")
    page.context.close()


def test_a_link_opens_what_it_leads_to(browser: Any, tmp_path: Path) -> None:
    path = write_report(build_run(tmp_path / "run"))
    page, _ = open_page(browser, path, opened=False)
    page.evaluate("location.hash = '#cost'")
    page.wait_for_selector("#cost[open]")
    page.context.close()
