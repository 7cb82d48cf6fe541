"""The page of an agent's steps: figures of the table, filters, bounds, nothing foreign becomes code."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sie_agent.report import write_traces_page
from sie_agent.report.traces import MOST_PAIRS, SHOWN_PAIRS, content

from .fixtures import HOSTILE
from .test_browser import CHROMIUM, OVERFLOWING, PHONE, WIDTHS, open_page
from .test_report import Page

with_browser = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no Chromium at {CHROMIUM}: apt-get install chromium"),
]
TOOLS = ("neighbours", "profile", "spelling")


def step(sample_id: str, number: int, node: str, texts: Sequence[str], **more: Any) -> dict[str, Any]:
    foreign = texts[number % len(texts)] if texts else ""
    empty = dict.fromkeys(("score_before", "score", "entropy"), math.nan)
    named = {"sample_id": sample_id, "query": foreign or "desk lamp", "item_id": foreign or f"i{sample_id}"}
    texts_of = dict.fromkeys(("tool", "evidence", "variant", "model", "status", "why"), foreign)
    counts = {"calls": 0, "input_tokens": 0, "output_tokens": 0, "cost": 0.0, "cached": False, "seconds": 0.0}
    arguments = json.dumps({"query": foreign or "lamp"})
    return {**named, "step": number, "node": node, "arguments": arguments, **texts_of, **empty, **counts, **more}


def traces(pairs: int = 30, texts: Sequence[str] = ()) -> pd.DataFrame:
    """Pairs that end in every way: settled with evidence, by a stronger model, by people, or not at all."""
    rng = np.random.default_rng(3)
    found: list[dict[str, Any]] = []
    for place in range(pairs):
        name, before, after = f"s{place}", 0.5, round(float(rng.random()), 3)
        asked = {"calls": 1, "input_tokens": 200, "output_tokens": 1, "cost": 0.002, "cached": place % 5 == 0}
        tool = texts[place % len(texts)] if texts else TOOLS[place % 3]
        found.append(step(name, 0, "assess", texts, score_before=before, why=""))
        if place % 10 == 9:
            found.append(step(name, 1, "decide", texts, why="the limit of the run", status="not-asked"))
            continue
        found.append(
            step(
                name,
                1,
                "look_up",
                texts,
                tool=tool,
                evidence=f"a line about {name}\nanother" if not texts else texts[0],
            )
        )
        found.append(step(name, 2, "judge", texts, score_before=before, score=after, entropy=0.3, tool="", **asked))
        if place % 4 == 1:
            found.append(step(name, 3, "escalate", texts, score_before=after, score=0.9, tool="", **asked))
        if place % 4 == 2:
            found.append(step(name, 3, "hand_over", texts, tool="", why="still unsure"))
        found.append(
            step(name, 4, "decide", texts, tool="", why="settled: uncertainty 0.1" if place % 4 == 0 else "end")
        )
    return pd.DataFrame(found)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("page") / "traces.html"
    return write_traces_page(path, traces(), title="30 pairs").read_text(encoding="utf-8")


def test_the_overview_adds_up_to_the_table() -> None:
    given = traces()
    held = content(given)
    tiles = {name: (value, below) for name, value, below in held["tiles"]}
    assert tiles["pairs"][0] == "30" and tiles["questions"][0] == str(int(given["calls"].sum()))
    assert tiles["tokens"][0] == f"{int(given['input_tokens'].sum() + given['output_tokens'].sum()):,}"
    assert tiles["cost"][0].startswith(f"{given['cost'].sum():.4f}"[:5])
    ends = {row[0]: int(row[1]) for row in held["ends_table"].rows}
    assert ends == {
        "settled with evidence": 8,
        "judged again, still unsure": 6,
        "handed to people": 7,
        "a stronger model": 6,
        "not judged again": 3,
    }
    tools = {row[0]: row for row in held["tools_table"].rows}
    assert {name: int(row[1]) for name, row in tools.items()} == dict.fromkeys(TOOLS, 9)
    nodes = {row[0]: row for row in held["nodes_table"].rows}
    assert nodes["judge"][1:4] == ("27", "27", f"{27 * 201:,}")
    assert list(nodes) == ["assess", "look_up", "judge", "decide", "escalate", "hand_over"]


def test_pairs_whose_judgment_moved_most_come_first_and_the_rest_is_told() -> None:
    held = content(traces(MOST_PAIRS + 40))
    moved = [abs(float(one.change.replace("−", "-"))) for one in held["pairs"] if one.kind]
    assert moved == sorted(moved, reverse=True) and len(held["pairs"]) == MOST_PAIRS and held["left_out"] == 40
    told = Page(render_of(traces(MOST_PAIRS + 40))).words
    assert f"{MOST_PAIRS} pairs are shown; 40 more" in told


def render_of(table: pd.DataFrame) -> str:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        return write_traces_page(Path(folder) / "t.html", table, title="t").read_text(encoding="utf-8")


def test_each_pair_tells_question_evidence_answers_and_why_it_stopped(source: str) -> None:
    words = Page(source).words
    for told in ("desk lamp", "a line about s0", "neighbours", "entropy 0.30", "settled: uncertainty 0.1"):
        assert told in words, told
    assert "1 question, 201 tokens, 0.0020 USD, from the cache" in words
    assert words.index("Who settled the pairs") < words.index("Pairs, those first")


def test_what_a_file_lacks_is_unknown_and_no_pairs_are_said(tmp_path: Path) -> None:
    bare = pd.DataFrame([{"sample_id": "s1", "node": "assess"}, {"sample_id": "s1", "node": "judge", "score": 0.25}])
    told = Page(write_traces_page(tmp_path / "bare.html", bare, title="t").read_text(encoding="utf-8")).words
    assert "0.25" in told and "(no query)" in told
    for empty in (pd.DataFrame(), traces(1).head(0)):
        told = Page(write_traces_page(tmp_path / "none.html", empty, title="t").read_text(encoding="utf-8")).words
        assert "No pair was looked at again." in told and "nan" not in told.lower().split()


def test_texts_and_steps_are_bounded(tmp_path: Path) -> None:
    many = [step("s1", number, "look_up", (), evidence="x" * 100_000, why="y" * 10_000) for number in range(300)]
    path = write_traces_page(tmp_path / "t.html", pd.DataFrame(many), title="t" * 10_000)
    assert path.stat().st_size < 200_000 and "260 more steps" in path.read_text(encoding="utf-8")


def test_hostile_words_are_text(tmp_path: Path) -> None:
    page = Page(
        write_traces_page(tmp_path / "t.html", traces(8, HOSTILE), title=HOSTILE[0]).read_text(encoding="utf-8")
    )
    assert not [attrs for tag, attrs in page.tags if tag in ("img", "a") and set(attrs) - {"class", "href"}]
    assert not [attrs for _, attrs in page.tags if (attrs.get("href") or "").startswith("javascript")]
    assert not [name for _, attrs in page.tags for name in attrs if name.startswith("on")]
    assert sum(tag == "script" for tag, _ in page.tags) == 1
    assert "<img src=x onerror" in page.words


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu"])
        yield opened
        opened.close()


class TestInABrowser:
    pytestmark = with_browser

    @pytest.mark.parametrize("settings", [{}, {"color_scheme": "dark"}, PHONE], ids=["light", "dark", "phone"])
    def test_the_console_is_silent(self, browser: Any, tmp_path: Path, settings: dict[str, Any]) -> None:
        path = write_traces_page(tmp_path / "t.html", traces(), title="30 pairs")
        page, complaints = open_page(browser, path, **settings)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert page.locator("#traces-list > ol > li, #traces-list details.rest > ol > li").count() == 30
        assert complaints == []
        page.context.close()

    @pytest.mark.parametrize("size", WIDTHS, ids=[str(width) for width, _ in WIDTHS])
    def test_nothing_is_cut_off(self, browser: Any, tmp_path: Path, size: tuple[int, int]) -> None:
        long = ("w" * 400, "many words " * 60)
        path = write_traces_page(tmp_path / "t.html", traces(12, long), title=long[0])
        page, _ = open_page(browser, path, viewport={"width": size[0], "height": size[1]})
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
        assert [part for part in page.evaluate(OVERFLOWING) if not part.startswith("scroll")] == []
        page.context.close()

    def test_pairs_are_filtered_by_tool_and_end_together(self, browser: Any, tmp_path: Path) -> None:
        path = write_traces_page(tmp_path / "t.html", traces(), title="30 pairs")
        page, complaints = open_page(browser, path, opened=False)
        pairs = page.locator("#traces-list li[data-end]")
        assert pairs.locator("visible=true").count() == SHOWN_PAIRS
        page.get_by_label("Looked up", exact=True).select_option(label="profile (9 pairs)")
        shown = page.locator("#traces-list li[data-end]:visible")
        assert shown.count() == 9 and page.inner_text("#traces-told") == "9 pairs shown"
        page.get_by_label("Settled by", exact=True).select_option(index=1)
        both = shown.count()
        assert 0 < both < 9 and page.inner_text("#traces-told").startswith(str(both))
        assert len({one.get_attribute("data-end") for one in shown.all()}) == 1
        page.get_by_label("Looked up", exact=True).select_option(index=0)
        page.get_by_label("Settled by", exact=True).select_option(index=0)
        assert shown.count() == 30 and complaints == []
        page.context.close()

    def test_hostile_words_run_nothing(self, browser: Any, tmp_path: Path) -> None:
        path = write_traces_page(tmp_path / "t.html", traces(8, HOSTILE), title=HOSTILE[1])
        page, complaints = open_page(browser, path)
        page.get_by_label("Looked up", exact=True).select_option(index=1)
        assert page.locator("main img, main a, main script").count() == 0
        assert page.evaluate("window.injected") is None
        assert complaints == []
        page.context.close()
