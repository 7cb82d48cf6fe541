"""The batch runner: rows in order, nothing twice, nothing lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sie_agent.errors import InputError
from sie_agent.judging import JUDGMENT_COLUMNS, JudgmentCache, judge, load_variant, make_backend
from sie_agent.judging.backends.lexical import share_of_words
from sie_agent.judging.table import probabilities_text

from .conftest import table
from .scripted_server import Reply, completion, scripted_server
from .test_openai import GRADED

LEXICAL = "relevance/lexical"


def test_the_table_of_judgments(cache: JudgmentCache, samples: pd.DataFrame) -> None:
    found = judge(samples, load_variant(LEXICAL), make_backend("lexical"), cache)
    assert tuple(found.columns) == JUDGMENT_COLUMNS
    for name in ("sample_id", "query", "item_id"):
        assert list(found[name]) == list(samples[name])
    assert found["score"].tolist() == [1.0, 0.5, 0.5, 1.0, 0.5]
    assert set(found["aspect"]) == {"relevance"} and set(found["variant"]) == {LEXICAL}
    assert found["score"].dtype == "float64" and found["cached"].dtype == "bool"


def test_rows_keep_their_order_and_index_does_not_matter(cache: JudgmentCache, samples: pd.DataFrame) -> None:
    shuffled = samples.sample(frac=1.0, random_state=3)
    found = judge(shuffled, load_variant(LEXICAL), make_backend("lexical"), cache)
    assert list(found["sample_id"]) == list(shuffled["sample_id"])
    scores = dict(zip(found["sample_id"], found["score"], strict=True))
    assert scores == {"s0": 1.0, "s1": 0.5, "s2": 0.5, "s3": 1.0, "s4": 0.5}


def test_limit_counts_pairs(cache: JudgmentCache, samples: pd.DataFrame) -> None:
    found = judge(samples, load_variant(LEXICAL), make_backend("lexical"), cache, limit=2)
    assert list(found["sample_id"]) == ["s0", "s1"]
    for limit in (0, -1):
        with pytest.raises(InputError, match="limit"):
            judge(samples, load_variant(LEXICAL), make_backend("lexical"), cache, limit=limit)


def test_no_rows(cache: JudgmentCache, samples: pd.DataFrame) -> None:
    found = judge(samples.head(0), load_variant(LEXICAL), make_backend("lexical"), cache)
    assert len(found) == 0 and tuple(found.columns) == JUDGMENT_COLUMNS
    assert found["score"].dtype == "float64"


def test_a_missing_column(cache: JudgmentCache, samples: pd.DataFrame) -> None:
    with pytest.raises(InputError, match="'title'"):
        judge(samples.drop(columns="title"), load_variant(LEXICAL), make_backend("lexical"), cache)


def test_grades_change_no_message(cache: JudgmentCache, samples: pd.DataFrame) -> None:
    sent = []
    for grade in (0.0, 1.0):
        with (
            scripted_server(lambda _, number: Reply(body=GRADED)) as server,
            JudgmentCache(cache.path.with_name(f"{grade}.sqlite")) as own,
        ):
            backend = make_backend("openai", model="m", base_url=server.url, concurrency=1)
            judge(samples.assign(grade=grade, label=grade), load_variant("relevance/graded"), backend, own)
            sent.append(server.bodies)
    assert sent[0] == sent[1]


def test_failures_are_counted_not_graded(cache: JudgmentCache) -> None:
    pairs = table([("good", "x"), ("bad", "y")])

    def script(body: dict[str, object], number: int) -> Reply:
        return Reply(body=completion("?", top={"?": 0.0}) if "bad" in str(body["messages"]) else GRADED)

    with scripted_server(script) as server:
        backend = make_backend("openai", model="m", base_url=server.url)
        found = judge(pairs, load_variant("relevance/graded"), backend, cache)
    assert list(found["status"]) == ["ok", "out-of-scale"]
    assert found["score"].notna().tolist() == [True, False]


def test_judgments_survive_parquet(cache: JudgmentCache, samples: pd.DataFrame, tmp_path: Path) -> None:
    found = judge(samples, load_variant(LEXICAL), make_backend("lexical"), cache)
    found.to_parquet(tmp_path / "judgments.parquet")
    again = pd.read_parquet(tmp_path / "judgments.parquet")
    assert again["probabilities"].isna().all() and list(again["score"]) == list(found["score"])


@pytest.mark.parametrize(
    ("query", "text", "share"),
    [
        ("Red Hose", "hose, RED!", 1.0),
        ("red hose", "red", 0.5),
        ("a a b", "a", 0.5),
        ("!!", "x", None),
        ("snake_case e\u0301", "snake e", 2 / 3),
        ("书架 白色", "木制书架", 0.5),
        ("木制书架", "木制书架", 1.0),
        ("手机壳", "iPhone手机壳", 1.0),
        ("เก้าอี้", "เก้าอี้ไม้สีขาว", 1.0),
        ("ﾗﾝﾌﾟ ＬＥＤ", "ランプ、led", 1.0),
        ("，。", "书", None),
        ("책상", "책상서랍", 0.0),
    ],
)
def test_share_of_words(query: str, text: str, share: float | None) -> None:
    assert share_of_words(query, text) == share


RUN = """
import sys
sys.path[:0] = {path!r}
from conftest import table  # some packages bring a `tests` of their own
from sie_agent.judging import JudgmentCache, judge, load_variant, make_backend
pairs = table([(f"query {{number}}", "thing") for number in range({count})])
backend = make_backend("openai", model="m", base_url={url!r}, concurrency=4)
with JudgmentCache({cache!r}) as cache:
    found = judge(pairs, load_variant("relevance/graded"), backend, cache)
print((found["status"] == "ok").sum(), found["cached"].sum())
"""


@pytest.mark.slow
def test_a_killed_run_goes_on_where_it_was(tmp_path: Path) -> None:
    count, root = 400, str(Path(__file__).resolve().parents[2])
    path = tmp_path / "judgments.sqlite"
    with scripted_server(lambda _, number: Reply(body=GRADED, delay=0.02)) as server:
        code = RUN.format(path=[root, str(Path(__file__).parent)], count=count, url=server.url, cache=str(path))
        environment = {**os.environ, "PYTHONPATH": root}
        first = subprocess.Popen([sys.executable, "-c", code], env=environment, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while len(server.bodies) < 150 and time.monotonic() < deadline:
            time.sleep(0.01)
        first.send_signal(signal.SIGKILL)
        first.wait()
        time.sleep(0.3)
        with JudgmentCache(path) as cache:
            kept = int(cache.stats()["entries"])
        asked = len(server.bodies)
        # what was in flight, or in a batch younger than a second, may be lost: no more
        assert 0 < asked - kept + 1 <= 64 + 2 * 4 + 1 and kept >= 64
        second = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
        )
        assert second.stdout.split() == [str(count), str(kept)]
        assert len(server.bodies) - asked == count - kept


@pytest.mark.slow
def test_closing_early_stops_the_workers(cache: JudgmentCache) -> None:
    pairs = table([(f"query {number}", "thing") for number in range(200)])
    with scripted_server(lambda _, number: Reply(body=GRADED, delay=0.01)) as server:
        backend = make_backend("openai", model="m", base_url=server.url, concurrency=2)

        class Full(JudgmentCache):
            def put(self, *arguments: object, **named: object) -> int:
                raise KeyboardInterrupt

        with Full(cache.path) as full, pytest.raises(KeyboardInterrupt):
            judge(pairs, load_variant("relevance/graded"), backend, full)
        time.sleep(0.2)
        asked = len(server.bodies)
        time.sleep(0.2)
        assert len(server.bodies) == asked < 200


@given(st.dictionaries(st.text(max_size=5), st.floats(0, 1), max_size=5))
def test_probabilities_are_written_as_json_writes_them(probabilities: dict[str, float]) -> None:
    assert probabilities_text(probabilities) == json.dumps(probabilities)
    # whatever kind of float a backend gives
    given = {token: np.float64(share) for token, share in probabilities.items()}
    assert probabilities_text(given) == json.dumps(probabilities)
