"""Nothing of the user's is overwritten: what each verb may write to, and what it may replace there."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

import sie_agent
from sie_agent.errors import InputError
from sie_agent.files.event_log import NAMES
from sie_agent.files.writing import exclusive_lock
from sie_agent.labels import StudentSettings
from sie_agent.samples import load_samples
from sie_agent.scorer import distill_scorer, save_scorer

from .conftest import Sie, csv_text, log_rows

ROOT = Path(__file__).resolve().parents[2]
LABEL = ("label", "--data", "log.csv", "--variant", "relevance/lexical", "--backend", "lexical")
SELECT = ("select", "--scores", "scores.parquet", "--keep", "0.5")
# by verb: what is typed, the option that names the output, and the name of a fresh one
VERBS: dict[str, tuple[tuple[str, ...], str, str]] = {
    "label": (LABEL, "--out", "new"),
    "distill": (("distill", "--judgments", "judged.parquet", "--data", "log.csv"), "--out", "new"),
    "calibrate": (
        ("calibrate", "--judgments", "judged.parquet", "--data", "log.csv", "--relevant-at", "0.3"),
        "--out",
        "new.json",
    ),
    "calibrate-cascade": (("calibrate-cascade", "levels.yaml", "--data", "log.csv", "--tune", "0.4"), "--out", "new"),
    "score": (("score", "--scorer", "scorer", "--data", "log.csv", "--workers", "1"), "--out", "new.parquet"),
    "select": (SELECT, "--out", "new.parquet"),
    "dropped": ((*SELECT, "--out", "k.parquet"), "--dropped", "new.parquet"),
    "weights": (("weights", "--scores", "scores.parquet", "--by", "support"), "--out", "new.parquet"),
    "behaviour": (("behaviour", "--data", "shoppers.csv"), "--out", "new.parquet"),
    "rank": (("rank", "--scores", "scores.parquet", "--by", "query", "--score", "support"), "--out", "new.parquet"),
    "attribute": (("attribute", "--data", "log.csv", "--seeds", "1", "--reference", "el2n"), "--out", "new.parquet"),
    "explain": (("explain", "--scorer", "scorer", "--data", "log.csv", "--row", "1"), "--html", "new.html"),
    "compare-prompts": (
        (
            "compare-prompts",
            "--data",
            "log.csv",
            "--backend",
            "lexical",
            "--variants",
            "relevance/lexical",
            "mine.yaml",
        ),
        "--out",
        "new",
    ),
    "benchmark": (
        ("benchmark", "esci", "esci.csv", "--variant", "relevance/lexical", "--backend", "lexical", "--pairs", "40"),
        "--out",
        "new",
    ),
    "run": (("run", "suite.yaml"), "--out", "new"),
    "push scorer": (("push", "scorer", "scorer"), "--folder", "new"),
    "push labels": (("push", "labels", "scores.parquet"), "--folder", "new"),
    "cache export": (("cache", "export"), "--out", "new.jsonl"),
    "log-json": ((*LABEL, "--out", "k"), "--log-json", "new.jsonl"),
    "serve": (("serve", "--scorer", "scorer", "--port", "0"), "--adjustment-file", "new.json"),
}
FOLDERS = [name for name, (_, _, fresh) in VERBS.items() if "." not in fresh]
FILES = [name for name in VERBS if name not in FOLDERS]
# too slow to be run to their end here
QUICK = [name for name in VERBS if name not in ("distill", "run", "serve", "attribute", "cache export", "log-json")]
# a table of the shape of ESCI
ESCI = ("product_description", "product_bullet_point", "product_brand", "product_color")
READ_DATA = [
    *(
        "label",
        "calibrate",
        "calibrate-cascade",
        "distill",
        "score",
        "behaviour",
        "rank",
        "attribute",
        "explain",
        "compare-prompts",
        "run",
        "log-json",
    ),
]
COLUMNS = "columns: {{query: query, item_id: item_id, title: title}}\n"
# maps that name a file beside the data, by the key that names it
NAMING = {
    "items": "next_item: {{sequences: log.csv, items: {name}}}\n",
    "sequences": "next_item: {{sequences: {name}, items: log.csv}}\n",
    "main": COLUMNS + "files: {{main: {name}}}\n",
    "joins": COLUMNS + "files: {{main: log.csv, joins: [{{file: {name}, key: item_id}}]}}\n",
}
MINE = "about: x\naspect: relevance\nmethod: lexical\nuser: '{{ title }}'\n"
LEVELS = "levels: [{kind: judge, name: a, backend: lexical, variant: relevance/lexical}]\n"
SUITE = (
    "name: s\ndata: {source: log.csv}\nquery_sets: {log-judged: 0.6, log-unseen: 0.4}\n"
    "judges: [{name: j, kind: lexical}]\n"
)


def esci_rows() -> list[dict[str, object]]:
    """The small log under the names of ESCI."""
    return [
        {
            **{"id": row["sample_id"], "query": row["query"], "product_id": row["item_id"]},
            **{"product_title": row["title"], "label": number % 4, "split": "test", **dict.fromkeys(ESCI, "x")},
        }
        for number, row in enumerate(log_rows())
    ]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log, its judgments and scores, a scorer, a suite, a prompt."""
    folder = tmp_path_factory.mktemp("shop")
    rows = log_rows()
    (folder / "log.csv").write_text(csv_text(rows), encoding="utf-8")
    shoppers = [{**row, "user_id": "u", "history": '["i9"]'} for row in rows]
    (folder / "shoppers.csv").write_text(csv_text(shoppers), encoding="utf-8")
    samples = load_samples(folder / "log.csv")
    labels = samples[["sample_id"]].assign(support=samples["label"].astype(float))
    save_scorer(distill_scorer(samples, labels, settings=StudentSettings(trees=2)), folder / "scorer")
    scores = samples[["sample_id", "query", "label"]].assign(support=[number / 80 for number in range(80)])
    scores.to_parquet(folder / "scores.parquet")
    judged = samples[["sample_id", "query", "item_id"]].assign(aspect="relevance", variant="v", model="m", score=0.5)
    judged.assign(status="ok").to_parquet(folder / "judged.parquet")
    (folder / "mine.yaml").write_text(MINE)
    (folder / "esci.csv").write_text(csv_text(esci_rows()))
    (folder / "suite.yaml").write_text(SUITE)
    (folder / "levels.yaml").write_text(LEVELS)
    (folder / "theirs").mkdir()
    return folder


@pytest.fixture
def here(shop: Path, tmp_path: Path) -> Path:
    """A copy of the shop, in which the program is run."""
    shutil.copytree(shop, tmp_path, dirs_exist_ok=True)
    (tmp_path / "cache").mkdir()
    return tmp_path


def snapshot(folder: Path) -> dict[str, bytes]:
    """Every file, with its content; those of the cache do not count."""
    files = (path for path in folder.rglob("*") if path.is_file() and "cache" not in path.parts)
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def refused(sie: Sie, here: Path, verb: str, place: str | Path, *words: str) -> str:
    """The line with which a place is refused; nothing changed."""
    typed, option, _ = VERBS[verb]
    before = snapshot(here)
    ran = sie(*typed, option, place, "--quiet")
    assert ran.code == 2, (ran.err, ran.out)
    assert ran.out == "" and ran.err.count("\n") == 1 and option in ran.err
    for word in words:
        assert word in ran.err, ran.err
    assert snapshot(here) == before
    return ran.err


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("place", ["", "  "])
def test_no_name(sie: Sie, here: Path, verb: str, place: str) -> None:
    refused(sie, here, verb, place, "names nothing")


@pytest.mark.parametrize("verb", FILES)
def test_a_folder_or_a_pipe_in_the_place_of_a_file(sie: Sie, here: Path, verb: str) -> None:
    fresh = here / VERBS[verb][2]
    fresh.mkdir()
    refused(sie, here, verb, fresh, "is a folder, and a file is needed")
    fresh.rmdir()
    # opening a pipe would wait for ever
    os.mkfifo(fresh)
    refused(sie, here, verb, fresh, "device or a pipe")
    refused(sie, here, verb, f"scores.parquet/{fresh.name}", "a folder is needed")


@pytest.mark.parametrize("verb", FOLDERS)
def test_a_file_in_the_place_of_a_folder(sie: Sie, here: Path, verb: str) -> None:
    (here / "new").write_text("mine")
    refused(sie, here, verb, "new", "is a file, and a folder is needed")
    refused(sie, here, verb, "new/below", "a folder is needed")


def spelt(name: str) -> dict[str, Callable[[Path], Path]]:
    """Other names of a file: each makes what it needs, and says the name."""

    def linked(make: Callable[[Path, Path], None], here: Path) -> Path:
        other = here / "theirs" / f"other{Path(name).suffix}"
        make(other, here / name)
        return other

    return {
        "as it is": lambda here: Path(name),
        "absolute": lambda here: here / name,
        "with dots": lambda here: here / "theirs" / ".." / name,
        "symbolic link": lambda here: linked(lambda link, to: link.symlink_to(to), here),
        "hard link": lambda here: linked(lambda link, to: link.hardlink_to(to), here),
        "in capitals": lambda here: Path(name).with_name(name.upper().removesuffix(".PARQUET") + ".parquet"),
    }


@pytest.mark.parametrize("how", spelt("scores.parquet"))
@pytest.mark.parametrize("verb", ["select", "dropped", "weights", "rank"])
def test_what_is_read_by_whatever_name(sie: Sie, here: Path, verb: str, how: str) -> None:
    refused(sie, here, verb, spelt("scores.parquet")[how](here), "--scores scores.parquet")


@pytest.mark.parametrize(
    ("verb", "place", "word"),
    [
        ("label", "log.csv", "is a file"),
        ("log-json", "log.csv", "--data"),
        ("log-json", "k/manifest.json", "--out"),
        ("log-json", "k/judgments.parquet", "--out"),
        ("log-json", "k", "--out"),
        ("log-json", "scores.parquet", "not an event"),
        ("log-json", "/dev/null", "device"),
        ("score", "scorer/new.parquet", "--scorer"),
        ("score", "log_columns.parquet", "--scorer"),
        ("serve", "scorer/config.json", "--scorer"),
        ("serve", "scorer/new.json", "--scorer"),
        ("serve", "scores.parquet", "not the state"),
        ("run", "scorer", "holds"),
        ("dropped", "k.parquet", "--out"),
        ("dropped", "K.parquet", "--out"),
    ],
)
def test_what_else_is_read_or_written(sie: Sie, here: Path, verb: str, place: str, word: str) -> None:
    if (verb, place) == ("score", "log_columns.parquet"):
        pd.DataFrame({"a": [1]}).to_parquet(here / place)
    if verb == "run":
        (here / "scorer" / "manifest.json").write_text("{}")
        word = "manifest.json"
    refused(sie, here, verb, place, word)


@pytest.mark.parametrize("key", ["items", "sequences", "main", "joins"])
@pytest.mark.parametrize("verb", READ_DATA)
def test_the_files_that_a_map_names(sie: Sie, here: Path, verb: str, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    typed, option, fresh = VERBS[verb]
    part = {"run": "samples.parquet", "distill": "labels.parquet", "calibrate-cascade": "cascade.json"}.get(
        verb, "judgments.parquet"
    )
    name = f"{fresh}/{part}" if verb in FOLDERS else fresh
    (here / name).parent.mkdir(exist_ok=True)
    (here / name).write_text('{"event": "items"}\n')
    (here / "map.yaml").write_text(NAMING[key].format(name=name))
    mapped: tuple[str, ...] = ("--map", "map.yaml")
    if verb == "run":
        (here / "suite.yaml").write_text(SUITE.replace("log.csv", "log.csv, map: map.yaml"))
        mapped = ()
    elif verb == "rank":
        mapped = (*mapped, "--data", "log.csv")
    monkeypatch.setitem(VERBS, verb, ((*typed, *mapped), option, fresh))
    assert "would replace what is read" in refused(sie, here, verb, fresh, Path(name).name)
    # whoever asks for it
    monkeypatch.setitem(VERBS, verb, ((*typed, *mapped, "--overwrite"), option, fresh))
    refused(sie, here, verb, fresh, "would replace what is read")


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm"])
@pytest.mark.parametrize("verb", ["log-json", "cache export", "serve"])
def test_the_judgment_cache(sie: Sie, here: Path, verb: str, suffix: str) -> None:
    refused(sie, here, verb, f"cache/judgments.sqlite{suffix}", "the judgment cache")


@pytest.mark.parametrize("verb", [name for name in VERBS if name not in ("serve", "log-json")])
def test_a_file_of_the_users(sie: Sie, here: Path, verb: str) -> None:
    fresh = VERBS[verb][2]
    theirs = {"push scorer": "README.md", "push labels": "README.md"}.get(verb, "manifest.json")
    path = here / fresh if verb in FILES else here / fresh / theirs
    path.parent.mkdir(exist_ok=True)
    path.write_text("mine, of an afternoon")
    refused(sie, here, verb, fresh, "is there already", "--overwrite")


@pytest.mark.slow
@pytest.mark.parametrize("verb", QUICK)
def test_the_same_command_again_and_another(sie: Sie, here: Path, verb: str) -> None:
    typed, option, fresh = VERBS[verb]
    for _ in range(2):
        ran = sie(*typed, option, fresh, "--quiet")
        assert ran.code == 0, ran.err
    if verb in ("push scorer", "push labels"):
        more: tuple[str, ...] = ("--license", "mit")
    elif verb in ("label", "compare-prompts"):
        more = ("--limit", "60")
    else:
        more = {
            "score": ("--limit", "60"),
            "weights": ("--strength", "0.1"),
            "rank": ("--limit", "60"),
            "explain": ("--row", "2"),
            "benchmark": ("--split", "all"),
            "calibrate": ("--method", "platt"),
            "calibrate-cascade": ("--delta", "0.2"),
            "behaviour": ("--limit", "60"),
        }.get(verb, ("--positive-at", "0.4"))
    before = snapshot(here)
    ran = sie(*typed, *more, option, fresh, "--quiet")
    assert ran.code == 2 and more[0] in ran.err and "--overwrite" in ran.err and ran.err.count("\n") == 1
    assert snapshot(here) == before
    assert sie(*typed, *more, option, fresh, "--overwrite", "--quiet").code == 0


def test_another_log_is_named_as_it_lies_there(sie: Sie, here: Path) -> None:
    assert sie(*LABEL, "--out", "new", "--quiet").code == 0
    (here / "other.csv").write_text(csv_text(log_rows(20)))
    err = sie("label", "--data", "other.csv", *LABEL[3:], "--out", "new").err
    assert f"--data {here / 'log.csv'}, and now {here / 'other.csv'}" in err


def test_more_rows_of_the_same_log_are_the_same_work(sie: Sie, here: Path) -> None:
    assert sie(*LABEL, "--limit", "20", "--out", "new", "--quiet").code == 0
    assert sie(*LABEL, "--limit", "40", "--out", "new", "--quiet").code == 0
    assert sie(*LABEL, "--out", "new", "--quiet").code == 0
    assert sie(*LABEL, "--limit", "40", "--out", "new", "--quiet").code == 2


def test_another_verbs_folder(sie: Sie, here: Path) -> None:
    assert sie(*LABEL, "--out", "new", "--quiet").code == 0
    for verb in ("run", "distill", "compare-prompts"):
        refused(sie, here, verb, "new", "holds what `sie label` made")


def test_a_table_that_someone_changed_is_no_longer_ours(sie: Sie, here: Path) -> None:
    typed = VERBS["weights"][0]
    assert sie(*typed, "--out", "new.parquet", "--quiet").code == 0
    pd.read_parquet(here / "new.parquet").assign(mine=1).to_parquet(here / "new.parquet")
    refused(sie, here, "weights", "new.parquet", "nothing says that this command made it")


def test_bad_data_leave_neither_folders_nor_notes(sie: Sie, here: Path) -> None:
    (here / "log.csv").write_text("query,item_id,title\na,1,\n")
    before = sorted(here.iterdir())
    assert sie(*LABEL, "--out", "deep/er/new", "--strict", "--quiet").code == 2
    assert sorted(here.iterdir()) == before
    # but for the list of what is wrong with them
    assert sie(*LABEL, "--out", "deep/er/new", "--quiet").code == 2
    left = {one.name for one in (here / "deep/er/new").iterdir()}
    assert left == {"invalid-rows.csv", ".invalid-rows.csv.made-by.json"}


def test_a_failed_run_leaves_the_note_of_what_is_there(sie: Sie, here: Path) -> None:
    assert sie(*LABEL, "--out", "new", "--quiet").code == 0
    (here / "bad.csv").write_text("query,item_id,title\na,1,\n")
    assert sie("label", "--data", "bad.csv", *LABEL[3:], "--out", "new", "--overwrite", "--quiet").code == 2
    assert sie(*LABEL, "--out", "new", "--quiet").code == 0


CONFIGS = [
    '{"my": "config"}',
    "{",
    '{"format": "x"}',
    '{"format": 3, "theme": "dark"}',
    '{"made_for": 1}',
    "[3]",
    "{{mine}}",
]


@pytest.mark.parametrize("text", CONFIGS)
def test_a_file_that_is_no_state_of_a_service(sie: Sie, here: Path, text: str) -> None:
    (here / "new.json").write_text(text)
    (here / "new.json.bad").write_text("mine")
    refused(sie, here, "serve", "new.json", "it is not the state of a service")


THEIR_LOGS = [
    {"event": "view", "user": 1},
    {"time": "2024-01-01T00:00:00.000+00:00", "event": "view"},
    {"time": 1704067200, "event": "start"},
    {"time": "2024-01-01", "event": "start"},
    {"event": "start", "time": "2024-01-01T00:00:00.000+00:00"},
    {"time": "2024-01-01T00:00:00.000+00:00", "event": ["start"]},
    ["time", "event"],
    "event",
]


@pytest.mark.parametrize("line", THEIR_LOGS)
def test_a_log_of_other_events(sie: Sie, here: Path, line: object) -> None:
    (here / "clicks.jsonl").write_text(json.dumps(line) + "\n")
    refused(sie, here, "log-json", "clicks.jsonl", "its first line is not an event")


def test_every_event_that_is_noted_has_a_known_name() -> None:
    code = "".join(path.read_text() for path in Path(sie_agent.__file__).parent.rglob("*.py"))
    noted = set(re.findall(r"(?<![\w.])event\(\s*\"([\w-]+)\"", code))
    assert noted and noted == NAMES


def test_a_log_of_events_is_appended_to(sie: Sie, here: Path) -> None:
    for _ in range(2):
        assert sie(*LABEL, "--out", "new", "--log-json", "events.jsonl", "--quiet").code == 0
    events = [json.loads(line)["event"] for line in (here / "events.jsonl").read_text().splitlines()]
    assert events.count("start") == 2


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["label", "distill", "compare-prompts", "run", "push scorer", "select", "explain"])
def test_two_at_once(sie: Sie, here: Path, verb: str) -> None:
    typed, option, fresh = VERBS[verb]
    target = here / fresh
    if verb in FOLDERS:
        target.mkdir()
    holder = "import sys, time; from pathlib import Path; from sie_agent.files.writing import exclusive_lock\n"
    holder += "with exclusive_lock(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    surroundings = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen([sys.executable, "-c", holder, target], stdout=subprocess.PIPE, env=surroundings) as other:
        try:
            assert other.stdout is not None and other.stdout.readline() == b"held\n"
            ran = sie(*typed, option, fresh, "--quiet")
            assert ran.code == 1 and "another process is writing" in ran.err and str(other.pid) in ran.err
            assert ran.err.count("\n") == 1
        finally:
            other.kill()
    # the lock of a killed process keeps nobody out
    assert list(here.rglob(".*.lock"))
    with exclusive_lock(target):
        pass
    assert not list(here.rglob(".*.lock"))


def test_the_functions_check_the_same(here: Path) -> None:
    import sie_agent

    judge = sie_agent.Judge(backend="lexical")
    before = snapshot(here)
    calls: list[Callable[[], object]] = [
        lambda: sie_agent.select("scores.parquet", "scores.parquet", keep=0.5),
        lambda: sie_agent.select("scores.parquet", "k.parquet", keep=0.5, dropped="./k.parquet"),
        lambda: sie_agent.weights("scores.parquet", ""),
        lambda: sie_agent.label("log.csv", "new", variant="relevance/lexical", judge=judge, log_json="log.csv"),
        lambda: sie_agent.cache_export("cache/judgments.sqlite-wal"),
        lambda: sie_agent.run_suite("suite.yaml", "log.csv"),
        lambda: sie_agent.serve("scorer", adjustment_file="scorer/config.json"),
        lambda: sie_agent.explain("scorer", "log.csv", rows=[1], html="/dev/null"),
    ]
    for call in calls:
        with pytest.raises(InputError):
            call()
    assert snapshot(here) == before
