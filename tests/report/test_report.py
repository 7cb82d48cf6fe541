"""The page from a run folder: what it holds, tolerates, refuses, and never lets through."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from sie_agent.errors import EnvironmentFailure, InputError
from sie_agent.labels import WEAK_LABELS
from sie_agent.report import write_report
from sie_agent.report.html import for_script
from sie_agent.report.plots import safe
from sie_agent.suite.run import made_of_relevance

from .figures import Options
from .fixtures import HOSTILE, RECIPE, build_run

FILES = (
    "agreement.json",
    "manifest.json",
    "suite.yaml",
    "samples.parquet",
    "judgments.parquet",
    "scores.parquet",
)

RANKERS = ("target", "linear", "lambdamart")


class Page(HTMLParser):
    """Elements and text of a page as a browser would read them."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.data: list[str] = []
        self._inside = ""
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = tag if tag in ("script", "style") else ""
        if tag == "script" and dict(attrs).get("type") == "application/json":
            self._inside = "json"

    def handle_endtag(self, tag: str) -> None:
        if tag in ("script", "style"):
            self._inside = ""

    def handle_data(self, data: str) -> None:
        target = {"": self.text, "json": self.data}.get(self._inside)
        if target is not None:
            target.append(data)

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.text).split())


def figure_of(source: str, key: str) -> Any:
    """A chart's data and layout."""
    found = re.search(rf'id="{key}">(.*?)</script>', source, re.DOTALL)
    assert found is not None, key
    return json.loads(found[1])


def page_of(folder: Path, options: Options | None = None) -> Page:
    return Page(write_report(build_run(folder, options)).read_text(encoding="utf-8"))


def test_without_references_one_sentence_stands_for_agreement(tmp_path: Path) -> None:
    source = write_report(build_run(tmp_path / "run", Options(referenced=False))).read_text(encoding="utf-8")
    assert "Not measured: the suite names no references" in source
    assert 'id="plot-agreement"' not in source and 'id="plot-quality-agreement"' not in source
    assert 'id="plot-gains"' in source


def test_agreement_is_told_in_words(tmp_path: Path) -> None:
    words = page_of(tmp_path / "run").words
    told = (
        "the distilled value agrees with tracin, ranking loss at Spearman 0.54 (95 % interval 0.51 to 0.57); the most"
    )
    assert "can reach is 0.84 (this is 64 % of it)" in words
    assert told in words and "the same pipeline with shuffled answers reaches 0.08" in words
    assert words.index("What does each way to train gain?") < words.index(told)


def test_a_label_of_the_registry_is_all_the_report_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = build_run(tmp_path / "run", Options(explained=True))
    scores = pd.read_parquet(run / "scores.parquet")
    scores.assign(novelty=scores["hardness"] * 3, other=1.0).to_parquet(run / "scores.parquet")
    made = replace(
        WEAK_LABELS["hardness"],
        name="novelty",
        title="How new?",
        meaning="how seldom it is seen",
        axis="of 3",
        high=3.0,
    )
    monkeypatch.setitem(WEAK_LABELS, "novelty", made)
    source = write_report(run).read_text(encoding="utf-8")
    assert "How new?" in source and "Novelty: how seldom it is seen" in source
    assert "<dt>novelty</dt>" in source and "<dt>other</dt>" not in source
    title = figure_of(source, f"plot-score-{len(made_of_relevance()) - 1}-data")["layout"]["xaxis"]
    assert title["title"]["text"] == "of 3" and title["range"] == [0, 3]


def test_a_run_of_an_older_version_is_refused_in_one_line(tmp_path: Path) -> None:
    run = build_run(tmp_path / "run")
    old = {"suite": "old", "verdict": {"use": "filter", "text": ""}, "downstream": [{"strategy": "value", "keep": 0.5}]}
    (run / "agreement.json").write_text(json.dumps(old), encoding="utf-8")
    with pytest.raises(InputError, match="older version") as caught:
        write_report(run)
    assert "Run the suite again" in str(caught.value) and "\n" not in str(caught.value)


def test_few_queries_put_a_warning_at_the_top(tmp_path: Path) -> None:
    run = build_run(tmp_path / "run", Options(test_queries=15, use="cannot tell"))
    figures = json.loads((run / "agreement.json").read_text(encoding="utf-8"))
    figures["judges"][0]["mode"] = "zero-shot"
    (run / "agreement.json").write_text(json.dumps(figures), encoding="utf-8")
    words = Page(write_report(run).read_text(encoding="utf-8")).words
    assert "These data cannot tell whether weights help" in words
    assert words.index("Only 15 queries stand behind this") < words.index("1 Rows most likely wrong".removeprefix("1 "))


def test_a_log_without_grades_still_has_a_page(tmp_path: Path) -> None:
    page = page_of(tmp_path / "run", Options(graded=False))
    assert "Grade 180 more pairs to get a verdict." in page.words
    assert "Not measured: what training gains can be seen only on queries" in page.words
    assert "human grade 0." not in page.words and "truly wrong," not in page.words
    assert "is not known, since nobody has graded them" in page.words and "Least valuable" in page.words


def test_nothing_judged_and_nothing_scored_still_has_a_page(tmp_path: Path) -> None:
    run = build_run(tmp_path / "run", Options(graded=False))
    for name in ("judgments", "scores", "labels"):
        pd.read_parquet(run / f"{name}.parquet").head(0).to_parquet(run / f"{name}.parquet")
    page = Page(write_report(run).read_text(encoding="utf-8"))
    assert "Nothing judged clarity" in page.words
    assert "No row of the log has a score." in page.words and "none can be called doubtful" in page.words


def test_a_bare_agreement_file_is_enough(tmp_path: Path) -> None:
    run = build_run(tmp_path / "run")
    (run / "agreement.json").write_text(
        '{"verdicts": {}, "rows": [{"label": "value", "metric": "spearman", "value": NaN}]}', encoding="utf-8"
    )
    (run / "manifest.json").write_text("{}", encoding="utf-8")
    (run / "suite.yaml").write_text("", encoding="utf-8")
    assert "Whether weights help is not known yet" in Page(write_report(run).read_text(encoding="utf-8")).words


def test_every_chart_says_its_mode_and_what_it_rests_on(tmp_path: Path) -> None:
    page = page_of(tmp_path / "run")
    charts = [attributes for tag, attributes in page.tags if tag == "div" and attributes.get("data-plot")]
    figures = [attributes for tag, attributes in page.tags if tag == "figure" and attributes["class"] == "chart"]
    badges = [attributes for tag, attributes in page.tags if attributes.get("class") == "badge"]
    assert len(charts) == len(figures) == 8 + len(made_of_relevance())
    assert len(badges) >= len(charts)
    assert all(attributes["role"] == "img" and len(attributes["aria-label"] or "") > 30 for attributes in charts)
    assert "simulated, zero-shot" in page.words


def test_tables_have_captions_and_heads_and_ids_are_unique(tmp_path: Path) -> None:
    page = page_of(tmp_path / "run")
    names = [tag for tag, _ in page.tags]
    assert names.count("table") == names.count("caption") == names.count("thead")
    assert all(attributes.get("scope") for tag, attributes in page.tags if tag == "th")
    identifiers = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(identifiers) == len(set(identifiers))
    assert names.count("h1") == 1


def test_the_page_is_self_contained_and_holds_plotly_once(tmp_path: Path) -> None:
    source = write_report(build_run(tmp_path / "run")).read_text(encoding="utf-8")
    page = Page(source)
    assert source.count("plotly.js (basic - minified) v") == 1 and len(source.encode()) < 2_000_000
    for tag, attributes in page.tags:
        assert "src" not in attributes, tag
        href = attributes.get("href") or "#"
        assert (
            href[0] == "#" or href == "data:," or ("download" in attributes and re.fullmatch(r"[\w-]+\.\w+", href))
        ), tag
    policy = next(a["content"] for t, a in page.tags if t == "meta" and a.get("http-equiv"))
    assert policy is not None and "default-src 'none'" in policy and "unsafe-eval" not in policy


def test_the_command_is_shown_and_credentials_are_not(tmp_path: Path) -> None:
    source = write_report(build_run(tmp_path / "run")).read_text(encoding="utf-8")
    assert "sie run eval/suites/homedepot-clicks.yaml --out runs/clicks" in source
    assert "sk-hidden" not in source
    assert "api_key: (hidden)" in source and "max_tokens: 1" in source


def test_graded_rows_are_not_listed_as_rows_of_the_log(tmp_path: Path) -> None:
    run = build_run(tmp_path / "run")
    samples = pd.read_parquet(run / "samples.parquet")
    held = set(samples.loc[samples["query_set"].isin(["test", "reference-validation"]), "sample_id"])
    listed = re.findall(r"row <bdi>([^<]+)</bdi>", write_report(run).read_text(encoding="utf-8"))
    # twenty that are most likely wrong, ten at either end of the scores
    assert len(listed) == 40
    assert not held & set(listed)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    run = build_run(tmp_path / "run")
    (run / name).unlink()
    with pytest.raises(InputError, match=re.escape(name)) as caught:
        write_report(run)
    assert "missing" in str(caught.value)


@pytest.mark.parametrize("name", [*FILES, "draws/1/facts.json"])
def test_a_damaged_file_is_named(tmp_path: Path, name: str) -> None:
    run = build_run(tmp_path / "run")
    (run / name).write_bytes(b"PAR1 \xff\xfe: [cut" if name.endswith("parquet") else b'{"rows": [1,')
    with pytest.raises(InputError, match=re.escape(name)):
        write_report(run)


def test_a_missing_column_and_a_wrong_field_are_named(tmp_path: Path) -> None:
    run = build_run(tmp_path / "run")
    scores = pd.read_parquet(run / "scores.parquet")
    scores.drop(columns="sample_id").to_parquet(run / "scores.parquet")
    with pytest.raises(InputError, match=r"scores\.parquet: the column 'sample_id' is missing"):
        write_report(run)
    scores.to_parquet(run / "scores.parquet")
    (run / "agreement.json").write_text(
        '{"verdicts": {}, "rows": [{"label": "value", "metric": "spearman", "value": "high"}]}', encoding="utf-8"
    )
    with pytest.raises(InputError, match=r"agreement\.json: field 'rows\.0\.value'"):
        write_report(run)


def test_no_such_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such run folder"):
        write_report(tmp_path / "nowhere")


def test_a_page_that_cannot_be_written_is_the_environments_fault(tmp_path: Path) -> None:
    run = build_run(tmp_path / "run")
    (run / "report.html").mkdir()
    with pytest.raises(EnvironmentFailure, match=r"report\.html"):
        write_report(run)


def hostile_everywhere(run: Path) -> None:
    """Foreign text in every place that reaches the page."""
    nasty = " ".join(HOSTILE[:3])
    agreement: dict[str, Any] = json.loads((run / "agreement.json").read_text(encoding="utf-8"))
    text = (
        json.dumps(agreement)
        .replace('"strong"', json.dumps(nasty))
        .replace("tracin, ranking loss", json.dumps(nasty)[1:-1])
    )
    agreement = json.loads(text)
    agreement["suite"] = agreement["verdict"]["text"] = agreement["notes"][0] = nasty
    agreement["downstream"][8]["strategy"] = agreement["choices"][0]["recipe"] = nasty
    agreement["verdict"]["against"][0]["rival"] = agreement["teaches"][0]["best_text"] = nasty
    facts = json.dumps({"recipe": {**RECIPE, "why": nasty}})
    (run / "draws" / "1" / "facts.json").write_text(facts, encoding="utf-8")
    (run / "agreement.json").write_text(json.dumps(agreement), encoding="utf-8")
    manifest = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
    manifest["command"] = manifest["versions"]["numpy"] = nasty
    (run / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    (run / "suite.yaml").write_text(json.dumps({"name": nasty, nasty: nasty, "draws": [1]}), encoding="utf-8")


@pytest.mark.slow
def test_hostile_text_stays_text(tmp_path: Path) -> None:
    run = build_run(tmp_path / "run", Options(texts=HOSTILE))
    hostile_everywhere(run)
    page = Page(write_report(run).read_text(encoding="utf-8"))
    clean = page_of(tmp_path / "clean")
    names = [tag for tag, _ in page.tags]
    assert names.count("script") == [tag for tag, _ in clean.tags].count("script")
    assert "img" not in names and "b" not in names
    assert not any(attribute.startswith("on") for _, attributes in page.tags for attribute in attributes)
    assert not any((attributes.get("href") or "").startswith("javascript") for _, attributes in page.tags)
    assert "{{ 7*7 }}" in page.words and " 49 " not in page.words
    assert "\u202e" not in page.words


def test_hostile_text_in_charts_is_escaped_twice_over(tmp_path: Path) -> None:
    run = build_run(tmp_path / "run", Options(texts=HOSTILE, rankers=RANKERS))
    hostile_everywhere(run)
    page = Page(write_report(run).read_text(encoding="utf-8"))
    assert page.data
    for block in page.data:
        assert "<" not in block and ">" not in block and "&" not in block
        decoded = json.dumps(json.loads(block))
        assert not re.search(r"<(script|img|a)\b", decoded)
        assert "window.injected=1" not in decoded or "&lt;/script&gt;" in decoded


def test_text_for_scripts_and_charts() -> None:
    assert for_script('"</script>\u2028&"') == '"\\u003c/script\\u003e\\u2028\\u0026"'
    assert json.loads(for_script('"</script>\u2028&"')) == "</script>\u2028&"
    assert safe('<b>"x"</b>  %{y} $z$ \u202e!') == "&lt;b&gt;&quot;x&quot;&lt;/b&gt; % {y} &#36;z&#36; !"
    assert len(safe("a" * 500, 40)) == 40
