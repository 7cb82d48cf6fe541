"""Why a row has its score, on the page: where it stands, what it tolerates, and that texts stay texts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sie_agent.errors import EnvironmentFailure, InputError
from sie_agent.report import shown_explanation, shown_ids, write_explanations, write_report
from sie_agent.report.read import read_run
from sie_agent.report.why import LISTED, cleaned, kind_of, signed

from .figures import Options
from .fixtures import HOSTILE, build_run
from .test_report import Page, page_of


def explanation(**changes: Any) -> dict[str, Any]:
    """One object of ``explanations.json``."""
    words = [
        {"field": "query", "word": "desk", "start": 0, "end": 4, "effect": 0.2},
        {"field": "query", "word": "lamp", "start": 5, "end": 9, "effect": 0.001},
        {"field": "title", "word": "lamp", "start": 6, "end": 10, "effect": -0.03},
    ]
    features = [
        {"name": "label (what the log says)", "effect": 0.2, "meaning": "the log says 1"},
        {"name": "title words", "effect": -0.1, "meaning": "the title has 2 words"},
        {"name": "query words", "effect": 0.0001, "meaning": "the query has 2 words"},
    ]
    numbers = {"score": -0.1234, "rank": 0.62, "base": 0.5, "rest": 0.0199, "label": 1.0, "words_left_out": 0}
    what_if = {"score_if_label_0": -0.3, "score_if_label_1": -0.1234}
    texts = {"sample_id": "s1", "by": "support", "query": "desk lamp", "title": "Brass lamp"}
    return {**texts, **numbers, **what_if, "features": features, "words": words, **changes}


def test_listed_rows_open_to_show_why(tmp_path: Path) -> None:
    page = page_of(tmp_path / "run", Options(explained=True))
    rows = sum(tag == "li" and True for tag, _ in page.tags)
    opened = [attributes for tag, attributes in page.tags if tag == "details" and attributes.get("class") == "why"]
    told = page.words.count("Why this score"), page.words.count("Words for and against a fit")
    assert told == (20, 20) and len(opened) == 40 < rows + 1
    assert "+0.200" in page.words and "If it said 0, the value would be" in page.words
    kinds = [attributes.get("class") for tag, attributes in page.tags if tag == "span"]
    assert "mark-word up step-3" in kinds and "mark-word down step-2" in kinds


def test_a_run_of_an_older_version_has_rows_without_why(tmp_path: Path) -> None:
    page = page_of(tmp_path / "run")
    assert "Least valuable" in page.words and "Why this score" not in page.words


def test_only_rows_that_were_explained_say_why(tmp_path: Path) -> None:
    run = build_run(tmp_path / "run", Options(explained=True))
    held = read_run(run)
    wanted = shown_ids(held.samples, held.scores)
    whole = json.loads((run / "explanations.json").read_text())
    whole["explanations"] = [one for one in whole["explanations"] if one["sample_id"] == wanted[0]]
    (run / "explanations.json").write_text(json.dumps(whole))
    assert Page(write_report(run).read_text(encoding="utf-8")).words.count("Why this score") == 1


@pytest.mark.slow
def test_the_ids_are_those_of_the_listed_rows(tmp_path: Path) -> None:
    run = build_run(tmp_path / "run", Options(explained=True))
    held = read_run(run)
    page = Page(write_report(run).read_text(encoding="utf-8"))
    ids = shown_ids(held.samples, held.scores)
    assert len(ids) == len(set(ids)) == page.words.count("Why this score")
    assert all(f"row {name}" in page.words for name in ids)


@pytest.mark.parametrize(
    "text", ["{", '{"explanations": [{"sample_id": "r1"}]}', '{"explanations": 3}'], ids=["cut", "field", "shape"]
)
def test_a_damaged_file_is_named(tmp_path: Path, text: str) -> None:
    run = build_run(tmp_path / "run")
    (run / "explanations.json").write_text(text)
    with pytest.raises(InputError, match=r"explanations\.json"):
        write_report(run)


@pytest.mark.slow
def test_hostile_words_stay_text(tmp_path: Path) -> None:
    clean = page_of(tmp_path / "clean", Options(explained=True))
    run = build_run(tmp_path / "run", Options(texts=HOSTILE, explained=True))
    explanations = json.loads((run / "explanations.json").read_text(encoding="utf-8"))["explanations"]
    nasty = [{**one, "sample_id": one["title"], "by": HOSTILE[1]} for one in explanations]
    alone = write_explanations(nasty, tmp_path / "why.html")
    for path, scripts in ((write_report(run), [tag for tag, _ in clean.tags].count("script")), (alone, 0)):
        page = Page(path.read_text(encoding="utf-8"))
        names = [tag for tag, _ in page.tags]
        assert names.count("script") == scripts
        assert "img" not in names and "b" not in names
        links = [attributes for tag, attributes in page.tags if tag == "a"]
        assert all((one["href"] or "").startswith("#") or "download" in one for one in links)
        assert not any(attribute.startswith("on") for _, attributes in page.tags for attribute in attributes)
        assert "\u202e" not in page.words and "\u2028" not in "".join(page.text)
        assert "<img" in page.words


def test_the_lines_add_up_whatever_is_listed() -> None:
    for listed in (1, 2, 8):
        shown = shown_explanation(explanation(), listed)
        effects = [float(line.effect.replace("−", "-")) for line in shown.features]
        assert sum(effects) == pytest.approx(0.12, abs=0.002)
        assert shown.features[-1].name == "all other features"
        assert all(line.effect != "0.000" for line in shown.features)
    assert LISTED == 8


def test_words_are_marked_by_the_size_of_their_effect() -> None:
    shown = shown_explanation(explanation())
    assert [(piece.text, piece.kind) for piece in shown.query] == [("desk", "up step-3"), (" ", ""), ("lamp", "")]
    assert [(piece.text, piece.kind) for piece in shown.title] == [("Brass ", ""), ("lamp", "down step-2")]
    assert [(line.name, line.effect) for line in shown.words] == [("desk", "+0.200"), ("lamp", "−0.030")]
    assert (kind_of(0.004), kind_of(0.005), kind_of(-0.1)) == ("", "up step-1", "down step-3")
    assert (signed(0.0001), signed(0.12), signed(-0.12)) == ("0.000", "+0.120", "−0.120")


def test_sentences() -> None:
    assert "support of this row is −0.123: place 0.620" in shown_explanation(explanation()).opening
    assert shown_explanation(explanation()).what_if == "The log says 1. If it said 0, the support would be −0.3."
    unknown = shown_explanation(explanation(label=None)).what_if
    assert unknown.startswith("The log has no label. If it said 0") and "if it said 1, −0.123" in unknown
    assert shown_explanation(explanation(score_if_label_0=None)).what_if == ""
    assert "No single word" in shown_explanation(explanation(words=[])).about_words
    assert shown_explanation(explanation(words_left_out=3)).left_out == "3 words of long texts were not tried."


def test_long_and_odd_texts_are_cut_and_cleaned() -> None:
    shown = shown_explanation(explanation(title="lamp\u202e " * 200, words=[]))
    text = "".join(piece.text for piece in shown.title)
    assert len(text) <= 201 and text.endswith("…") and "\u202e" not in text
    odd = explanation(words=[{"field": "query", "word": "x", "start": 40, "end": 90, "effect": 0.5}])
    assert "".join(piece.text for piece in shown_explanation(odd).query) == "desk lamp"
    assert cleaned("a \x1b[31m\u2066b", 9) == "a [31mb"


def test_a_page_that_cannot_be_written_is_the_environments_fault(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFailure, match=r"why\.html"):
        write_explanations([explanation()], tmp_path / "no" / "why.html")
