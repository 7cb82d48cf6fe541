"""``sie push`` into a folder, dry runs, and what is never published."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from huggingface_hub import DatasetCard, ModelCard

from sie_agent import load_scorer
from sie_agent.labels import StudentSettings
from sie_agent.samples import load_samples, validate_samples
from sie_agent.scorer import distill_scorer, save_scorer

from .conftest import Sie, log_rows

GRADE = 0.8125


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """What ``sie distill`` leaves: labels with gaps, a scorer, and the log beside them, with grades."""
    log = pd.DataFrame(log_rows()).assign(grade=GRADE)
    log.to_csv(tmp_path / "log.csv", index=False)
    samples = validate_samples(log, "log")
    value = np.where(np.arange(80) % 7, np.sin(np.arange(80)), np.nan)
    labels = pd.DataFrame(
        {"sample_id": samples["sample_id"], "value": value, "support": 0.5 + value / 2, "hardness": 0.5 - value / 2}
    )
    folder = tmp_path / "made"
    scorer = distill_scorer(
        samples.drop(columns="grade"),
        labels,
        settings=StudentSettings(trees=3),
        about={"mode": "zero-shot", "model": "words"},
    )
    save_scorer(scorer, folder / "scorer")
    labels.to_parquet(folder / "labels.parquet", index=False)
    facts = {"judge": {"model": "words", "variant": "relevance/lexical"}, "hashes": {"log": "abc"}}
    (folder / "manifest.json").write_text(json.dumps(facts))
    return folder


def test_scorer_into_a_folder(sie: Sie, made: Path, tmp_path: Path) -> None:
    (made / "scorer" / "samples.parquet").write_bytes(b"texts that nobody may see")
    ran = sie("push", "scorer", made, "--folder", "out", "--license", "apache-2.0")
    assert ran.code == 0, ran.err
    assert "Published: out" in ran.out
    out = tmp_path / "out"
    config = json.loads((out / "config.json").read_text())
    assert {path.name for path in out.iterdir()} == {"README.md", "config.json", *config["sha256"]}
    card = ModelCard.load(out / "README.md")
    assert card.data.library_name == "sie-agent" and card.data.license == "apache-2.0"
    assert "words" in card.text and "unknown" not in card.text.split("## Licence")[1]
    samples = load_samples(tmp_path / "log.csv")
    pd.testing.assert_frame_equal(
        load_scorer(out).predict(samples), load_scorer(made / "scorer").predict(samples), rtol=0
    )
    again = sie("push", "scorer", out, "--folder", "out")
    assert again.code == 0 and load_scorer(out)


def test_a_card_that_was_written_by_hand_is_kept(sie: Sie, made: Path, tmp_path: Path) -> None:
    readme = made / "scorer" / "README.md"
    readme.write_text("---\nlibrary_name: sie-agent\nlicense: mit\n---\nOurs, of OWNER/NAME\n")
    assert sie("push", "scorer", made, "--folder", "out").code == 0
    assert (tmp_path / "out" / "README.md").read_text() == readme.read_text()
    readme.write_text("---\nlibrary_name: [sie-agent\n---\nOurs\n")
    ran = sie("push", "scorer", made, "--folder", "out")
    assert ran.code == 2 and "README.md" in ran.err and "front matter" in ran.err and ran.err.count("\n") == 1


def test_labels_into_a_folder_and_back(sie: Sie, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    ran = sie("push", "labels", made, "--folder", "out", "--output", "json")
    assert ran.code == 0, ran.err
    assert ran.json["columns"] == ["sample_id", "value", "support", "hardness"] and ran.json["rows"] == 80
    loaded = datasets.load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "hf"))
    assert list(loaded) == ["train"]
    pd.testing.assert_frame_equal(
        loaded["train"].to_pandas(), pd.read_parquet(made / "labels.parquet"), check_dtype=False, rtol=0
    )
    card = DatasetCard.load(tmp_path / "out" / "README.md")
    assert card.data.dataset_info["splits"][0]["num_examples"] == 80
    assert "relevance/lexical" in card.text and "abc" in card.text
    assert "license" not in card.data.to_dict() and "unknown" in card.text


def test_neither_grades_nor_texts_unless_asked(sie: Sie, made: Path, tmp_path: Path) -> None:
    log = pd.read_csv(tmp_path / "log.csv")
    labels = pd.read_parquet(made / "labels.parquet").assign(
        grade=GRADE, query=log["query"], title=log["title"], user_id="u1", notes="private"
    )
    labels.to_parquet(made / "labels.parquet", index=False)

    def columns(*more: str | Path) -> list[str]:
        ran = sie("push", "labels", made, "--folder", "out", "--overwrite", *more)
        assert ran.code == 0, ran.err
        written = (tmp_path / "out" / "data" / "train.parquet").read_bytes()
        assert b"grade" not in written and b"private" not in written and b"u1" not in written
        assert (b"desk lamp" in written) == ("--with-text" in more)
        names: list[str] = pq.read_schema(tmp_path / "out" / "data" / "train.parquet").names
        return names

    weak = ["value", "support", "hardness"]
    assert columns() == ["sample_id", *weak]
    assert columns("--with-text") == ["sample_id", "query", "title", *weak]
    assert columns("--data", tmp_path / "log.csv") == ["sample_id", "item_id", "label", *weak]
    texts = ["query", "title", "description"]
    with_all = columns("--data", tmp_path / "log.csv", "--with-text")
    assert with_all == ["sample_id", *texts, "item_id", "label", *weak]
    table = pd.read_parquet(tmp_path / "out" / "data" / "train.parquet")
    assert table["title"].tolist() == log["title"].tolist() and table["label"].tolist() == log["label"].tolist()


@pytest.mark.parametrize("name", ["../secret.txt", "/etc/hostname", "samples.parquet"])
def test_nothing_else_that_a_configuration_names_is_published(sie: Sie, made: Path, tmp_path: Path, name: str) -> None:
    (made / "secret.txt").write_text("for nobody")
    (made / "scorer" / "samples.parquet").write_bytes(b"for nobody")
    path = made / "scorer" / "config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps({**config, "sha256": {**config["sha256"], name: "0"}}))
    ran = sie("push", "scorer", made, "--folder", "out")
    assert ran.code == 2 and "damaged" in ran.err and "config.json" in ran.err and ran.err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_card_that_is_no_text_of_this_folder(sie: Sie, made: Path, tmp_path: Path) -> None:
    readme = made / "scorer" / "README.md"
    readme.write_bytes("---\nlibrary_name: sie-agent\n---\nCafé".encode("latin-1"))
    ran = sie("push", "scorer", made, "--folder", "out")
    assert ran.code == 2 and "README.md" in ran.err and "UTF-8" in ran.err and ran.err.count("\n") == 1
    readme.unlink()
    (made / "secret.txt").write_text("for nobody")
    readme.symlink_to("../secret.txt")
    ran = sie("push", "scorer", made, "--folder", "out")
    assert ran.code == 2 and "outside the scorer's folder" in ran.err and not (tmp_path / "out").exists()


def test_the_hubs_cache_keeps_files_as_links(sie: Sie, made: Path, tmp_path: Path) -> None:
    blobs, snapshot = tmp_path / "repository" / "blobs", tmp_path / "repository" / "snapshots" / "c0ffee"
    blobs.mkdir(parents=True)
    snapshot.mkdir(parents=True)
    for path in (made / "scorer").iterdir():
        (blobs / path.name).write_bytes(path.read_bytes())
        (snapshot / path.name).symlink_to(blobs / path.name)
    assert sie("push", "scorer", snapshot, "--folder", "out").code == 0
    assert (tmp_path / "out" / "README.md").is_file() and load_scorer(tmp_path / "out")


@pytest.mark.parametrize("about", [{"agreement": [{"value": "x"}]}, {"agreement": [{"value": 0.5}]}, {"versions": [1]}])
def test_a_malformed_configuration_without_a_card(sie: Sie, made: Path, tmp_path: Path, about: object) -> None:
    (made / "scorer" / "README.md").unlink()
    path = made / "scorer" / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "about": about}))
    ran = sie("push", "scorer", made, "--folder", "out")
    assert ran.code == 0, ran.err
    assert "Not measured" in (tmp_path / "out" / "README.md").read_text()


def test_a_dry_run_shows_a_card_without_control_characters(sie: Sie, made: Path) -> None:
    (made / "scorer" / "README.md").write_text("---\nlibrary_name: sie-agent\n---\nOurs\x1b]0;title\x07\x9b2J\u202e!\n")
    ran = sie("push", "scorer", made, "--dry-run")
    assert ran.code == 0 and "Ours" in ran.out
    assert all(letter.isprintable() or letter == "\n" for letter in ran.out)


def test_scores_are_not_called_a_judges_labels(sie: Sie, made: Path, tmp_path: Path) -> None:
    def card_of(path: Path) -> str:
        ran = sie("push", "labels", path, "--folder", "out", "--overwrite")
        assert ran.code == 0, ran.err
        return (tmp_path / "out" / "README.md").read_text()

    weak = card_of(made)
    assert "answers and the log" in weak and "relevance/lexical" in weak and "weak-supervision" in weak
    # beside the manifest of sie distill, of which it is not
    assert sie("score", "--scorer", made, "--data", "log.csv", "--out", made / "scores.parquet").code == 0
    for name in ("scores.parquet", "labels.parquet"):
        told = card_of((made / "scores.parquet").replace(made / name))
        assert "a model's predictions" in told and "Weak importance labels" not in told
        assert "relevance/lexical" not in told and "weak-supervision" not in told
        (made / name).rename(made / "scores.parquet")


@pytest.mark.slow
def test_labels_without_a_manifest_of_theirs(sie: Sie, made: Path, tmp_path: Path) -> None:
    def card() -> str:
        assert sie("push", "labels", made, "--folder", "out").code == 0
        return (tmp_path / "out" / "README.md").read_text()

    manifest = made / "manifest.json"
    # that of sie label, of a run, and none
    manifest.write_text(json.dumps({"judge": {"model": "words", "variants": ["relevance/lexical"]}}))
    assert "not recorded" in card() and "words" not in card()
    manifest.write_text(json.dumps({"hashes": {"suite": "5eed", "log": "abc"}, "versions": [1]}))
    assert "`sie run`" in card() and "words" in card() and "abc" in card()
    for content in ("[]", '{"judge": [1], "hashes": 3}', "{"):
        manifest.write_text(content)
        assert "not recorded" in card()
    manifest.unlink()
    assert "not recorded" in card()


def test_dry_run_writes_nothing(sie: Sie, made: Path, tmp_path: Path) -> None:
    before = sorted(path.name for path in tmp_path.iterdir())
    ran = sie("push", "scorer", made, "--to", "owner/name", "--dry-run")
    assert ran.code == 0, ran.err
    assert "config.json" in ran.out and 'snapshot_download("owner/name")' in ran.out and "Nothing was sent" in ran.out
    assert sie("push", "labels", made, "--dry-run", "--folder", "out").code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("scorer", "made"), "--to owner/name"),
        (("scorer", "made", "--to", "name"), "not the name of a repository"),
        (("scorer", "made", "--to", "a/b", "--folder", "c"), "both --to and --folder"),
        (("scorer", "nowhere", "--folder", "out"), "no scorer here"),
        (("scorer", "made", "--folder", "log.csv"), "is a file"),
        (("labels", "log.csv", "--folder", "out"), "is a CSV file; expected the Parquet file"),
        (("labels", "nowhere.parquet", "--folder", "out"), "no such file"),
        (("labels", "made", "--folder", "out", "--with-text"), "--data"),
        (("labels", "made", "--folder", "out", "--data", "sample"), "is not in sample"),
    ],
)
def test_bad_input(sie: Sie, made: Path, arguments: tuple[str, ...], said: str) -> None:
    ran = sie("push", *arguments, "--quiet")
    assert ran.code == 2 and said in ran.err and ran.err.count("\n") == 1 and ran.out == ""


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda labels: pd.concat([labels, labels.head(1)]), "occurs twice"),
        (lambda labels: labels[["sample_id"]], "none of the columns"),
        (lambda labels: labels.head(0), "holds no rows"),
        (lambda labels: labels.assign(value="high"), "row 1, field 'value'"),
        (lambda labels: labels.drop(columns="sample_id"), "'sample_id' is missing"),
    ],
)
def test_wrong_labels(sie: Sie, made: Path, change: object, said: str) -> None:
    assert callable(change)
    change(pd.read_parquet(made / "labels.parquet")).to_parquet(made / "labels.parquet", index=False)
    ran = sie("push", "labels", made, "--folder", "out")
    assert ran.code == 2 and said in ran.err and "labels.parquet" in ran.err


def test_a_damaged_scorer_is_not_published(sie: Sie, made: Path, tmp_path: Path) -> None:
    part = next(iter(json.loads((made / "scorer" / "config.json").read_text())["sha256"]))
    (made / "scorer" / part).write_bytes(b"cut off")
    ran = sie("push", "scorer", made, "--folder", "out")
    assert ran.code == 2 and "damaged" in ran.err and not (tmp_path / "out").exists()
