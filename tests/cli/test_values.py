"""What an option may be is found out before anything else: one line, exit code 2, option, expected and found."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest

import sie_agent
from sie_agent.errors import InputError
from sie_agent.utils.values import INT64, KINDS, Number, check_values

from .conftest import Sie

LONG = str(10**30)
LABEL = ("label", "--data", "log.csv", "--variant", "relevance/lexical", "--backend", "lexical", "--out", "out")
COMPARE = (
    *("compare-prompts", "--data", "log.csv", "--variants", "relevance/lexical", "relevance/graded"),
    *("--backend", "lexical", "--out", "out"),
)
IMPROVE = ("improve-prompt", "--data", "log.csv", "--variant", "relevance/plain", "--out", "out")
BENCHMARK = (
    *("benchmark", "esci", "log.csv", "--variant", "relevance/lexical", "--backend", "lexical", "--out", "out"),
)
CALIBRATE = ("calibrate", "--judgments", "j.parquet", "--data", "log.csv", "--out", "c.json")
DISTILL = ("distill", "--judgments", "j.parquet", "--data", "log.csv", "--out", "out")
SCORE = ("score", "--scorer", "scorer", "--data", "log.csv", "--out", "out.parquet")
SELECT = ("select", "--scores", "scores.parquet", "--out", "out.parquet")
WEIGHTS = ("weights", "--scores", "scores.parquet", "--out", "out.parquet")
RANK = ("rank", "--scores", "scores.parquet", "--by", "query", "--out", "out.parquet")
ATTRIBUTE = ("attribute", "--data", "log.csv", "--out", "out.parquet")
EXPLAIN = ("explain", "--scorer", "scorer", "--data", "log.csv", "--row", "1")
SERVE = ("serve", "--scorer", "scorer")
PRUNE = ("cache", "prune", "--yes")
RENDER = ("prompts", "render", "relevance/plain")
CHECK = ("prompts", "check", "relevance/plain")
NEW = ("prompts", "new", "mine", "--from", "relevance/plain")
PUSH = ("push", "labels", "labels.parquet", "--folder", "out")
JUDGED = (
    ("--limit", ("0", "-1", LONG)),
    ("--concurrency", ("0", "-1", "100000", LONG)),
    ("--timeout", ("0", "-1", "nan", "inf", "1e99")),
    ("--patience", ("-1", "nan", "inf")),
    ("--max-cost", ("nan", "inf", "-inf", "-1")),
    ("--price-input", ("nan", "inf", "-0.1")),
    ("--price-output", ("nan", "inf")),
    ("--model", ("", " ")),
    ("--backend", ("",)),
    ("--base-url", ("",)),
    ("--endpoints", ("",)),
    ("--data", ("",)),
    ("--map", ("",)),
)
WRONG: tuple[tuple[tuple[str, ...], tuple[tuple[str, tuple[str, ...]], ...]], ...] = (
    (
        LABEL,
        (
            *(*JUDGED, ("--split", ("",)), ("--variant", ("",)), ("--budget", ("0", "-1", LONG))),
            *(("--calibration", ("",)), ("--panel", ("",))),
        ),
    ),
    ((*LABEL, "--budget", "5"), (("--seed", ("-1", LONG)), ("--strategy", ("",)))),
    (COMPARE, JUDGED),
    (
        IMPROVE,
        (
            *JUDGED,
            ("--trials", ("0", "-1", LONG)),
            ("--budget-pairs", ("0", "39", LONG)),
            ("--per-query", ("1", LONG)),
            ("--margin", ("0", "nan", "-1", "2")),
            ("--reflect-with", ("",)),
            ("--seed", ("-1", LONG)),
        ),
    ),
    (
        BENCHMARK,
        (
            *(one for one in JUDGED if one[0] not in ("--limit", "--data")),
            ("--pairs", ("0", "9", "-1", LONG)),
            ("--thresholds-from", ("0", "9", LONG)),
            ("--split", ("",)),
            ("--variant", ("",)),
        ),
    ),
    (
        CALIBRATE,
        (
            *(("--prior", ("0", "1", "nan", "-0.5")), ("--tune", ("0", "1", "inf")), ("--relevant-at", ("0", "1.5"))),
            *(("--seed", ("-1",)), ("--limit", ("0",)), ("--grades", ("",)), ("--model", ("",)), ("--variant", ("",))),
            ("--method", ("",)),
        ),
    ),
    (DISTILL, (("--seed", ("-1", "4294967296", LONG)), ("--limit", ("0",)), ("--grades", ("",)), ("--model", ("",)))),
    (DISTILL, (("--inputs", ("", "text,", "x" * 2_000)),)),
    (SCORE, (("--workers", ("-1", "1000000", LONG)), ("--seed", ("-1",)), ("--limit", ("-5",)), ("--simulate", ("",)))),
    (SELECT, (("--keep", ("nan", "inf", "0", "-0.5", "1.5")),)),
    ((*SELECT, "--keep", "0.5"), (("--positive-at", ("nan", "-1", "2")), ("--by", ("",)))),
    (
        WEIGHTS,
        (
            ("--strength", ("nan", "inf", "-1")),
            ("--blend", ("nan", "1.01", "-0.1")),
            ("--preference", ("nan", "1.01")),
            ("--by", ("",)),
        ),
    ),
    (RANK, (("--top", ("-1", LONG)), ("--score", ("",)), ("--limit", ("0",)))),
    (
        ATTRIBUTE,
        (
            ("--seeds", ("0", "-1", LONG)),
            ("--seed", ("-1", LONG)),
            ("--validation", ("0", "1", "nan", "-1")),
            ("--relevant-at", ("0", "nan", "1.5")),
        ),
    ),
    (EXPLAIN, (("--top", ("-1", LONG)), ("--label", ("nan", "2")), ("--seed", ("-1",)), ("--row", ("0", LONG)))),
    (
        SERVE,
        (
            ("--drain-seconds", ("nan", "inf")),
            ("--grace-seconds", ("nan", "inf")),
            ("--port", ("-1", "70000", LONG)),
            ("--window", ("0", LONG)),
            ("--max-body", ("0", LONG)),
            ("--host", ("",)),
            ("--token-file", ("",)),
            ("--weigh-by", ("",)),
        ),
    ),
    (PRUNE, (("--older-than", ("nan", "inf", "-1")), ("--variant", ("",)), ("--status", ("",)))),
    (RENDER, (("--row", ("0", "-1", LONG)), ("--data", ("",)), ("--map", ("",)))),
    (CHECK, (("--data", ("",)), ("--map", ("",)))),
    (("prompts", "list"), (("--aspect", ("",)),)),
    (NEW, (("--from", ("",)),)),
    (PUSH, (("--license", ("",)), ("--limit", ("0",)), ("--seed", ("-1",)))),
)
CASES = [(typed, option, value) for typed, options in WRONG for option, values in options for value in values]


@pytest.mark.parametrize(("typed", "option", "value"), CASES, ids=[f"{t[0]} {o} {v[:9]!r}" for t, o, v in CASES])
def test_a_value_that_is_none(sie: Sie, tmp_path: Path, typed: tuple[str, ...], option: str, value: str) -> None:
    if option in typed:
        typed = (*typed[: typed.index(option)], *typed[typed.index(option) + 2 :])
    ran = sie(*typed, option, value, "--quiet")
    assert ran.code == 2 and ran.out == "", ran.err
    assert ran.err.startswith("sie: ") and ran.err.count("\n") == 1
    assert option in ran.err and "unexpected" not in ran.err and "Traceback" not in ran.err
    assert "expected" in ran.err
    assert f"found {value[:4] or repr(value)}" in ran.err or "found 1e+99" in ran.err or "found ' '" in ran.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("draws=[-1]", "draws.0"),
        (f"draws=[{LONG}]", "draws.0"),
        (f"data.limit={LONG}", "limit"),
        (f"target.epochs={LONG}", "epochs"),
        ("log.rate=.nan", "log.rate"),
        ("target.learning_rate=.inf", "learning_rate"),
        ("draws=2001-99-99", "draws"),
        ("=1", "--set"),
        ("..=1", "--set"),
        (".draws=1", "--set"),
        ("draws.=1", "--set"),
        ("draws", "--set"),
        ("draws=[", "--set draws"),
        ("draws.0=1", "--set draws.0"),
        ("__class__=1", "'__class__'"),
        ("target=&a [*a]", "target"),
        ("name=", "name"),
        ("judges=[]", "judges"),
        ("draws=!!python/name:os.system", "--set draws"),
    ],
)
def test_a_setting_that_is_none(sie: Sie, tmp_path: Path, setting: str, says: str) -> None:
    ran = sie("run", "quickstart", "--out", "out", "--set", setting, "--quiet")
    assert ran.code == 2 and says in ran.err and ran.err.count("\n") == 1
    assert "unexpected" not in ran.err and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("draws=1", ("draws: expected a list", "draws=[0]", "found 1 (a whole number)")),
        ("judges=panel", ("judges: expected a list", "judges=[{name: …, kind: …}]", "found 'panel'")),
        ("target=5", ("target: expected keys of its own", "target.kind", "found 5")),
        ("target.epochs=many", ("target.epochs: expected a whole number", "target.epochs=8", "found 'many'")),
        ("recipe.auto=maybe", ("recipe.auto: expected true or false", "recipe.auto=true", "found 'maybe'")),
        ("name=[1]", ("name: expected a text", "name=words", "found [1] (a list)")),
        ("log.rate=-3", ("log.rate: expected a number of at least 0", "found -3")),
        ("target.loss=foo", ("target.loss: expected 'pointwise' or 'pairwise'", "found 'foo'")),
        ("target.epohcs=1", ("unknown key 'target.epohcs'", "did you mean 'epochs'")),
        ("drawz=1", ("unknown key 'drawz'", "did you mean 'draws'")),
        ("log.qqqq=1", ("unknown key 'log.qqqq'", "there are: kind")),
    ],
)
def test_a_setting_of_another_type_says_what_is_expected(sie: Sie, setting: str, says: tuple[str, ...]) -> None:
    ran = sie("run", "quickstart", "--out", "out", "--set", setting, "--quiet")
    assert ran.code == 2 and ran.err.count("\n") == 1 and "Input should" not in ran.err
    assert "--set" in ran.err and all(one in ran.err for one in says), ran.err


@pytest.mark.parametrize(
    "call",
    [
        lambda: sie_agent.label("log.csv", "out", variant="relevance/lexical", limit=0),
        lambda: sie_agent.label("log.csv", "out", variant="", limit=1),
        lambda: sie_agent.label("log.csv", "out", variant="relevance/lexical", max_cost=math.nan),
        lambda: sie_agent.plan("log.csv", variant="relevance/lexical", limit=True),
        lambda: sie_agent.Judge(concurrency=10**9),
        lambda: sie_agent.Judge(options={"timeout": math.inf}),
        lambda: sie_agent.Judge(price_input=math.nan),
        lambda: sie_agent.distill("j", "log.csv", "out", seed=-1),
        lambda: sie_agent.distill("j", "log.csv", "out", seed=1.5),
        lambda: sie_agent.score("scorer", "log.csv", "out.parquet", workers=-1),
        lambda: sie_agent.select("scores", "out.parquet", keep=math.nan),
        lambda: sie_agent.weights("scores", "out.parquet", strength=math.inf),
        lambda: sie_agent.rank("scores", "out.parquet", by=["query"], top=2**70),
        lambda: sie_agent.attribute("log.csv", "out.parquet", validation=math.nan),
        lambda: sie_agent.explain("scorer", "log.csv", rows=[0]),
        lambda: sie_agent.compare_prompts("log.csv", ["a", "b"], "out", limit=-1),
        lambda: sie_agent.improve_prompt("log.csv", "out", variant="relevance/plain", trials=0),
        lambda: sie_agent.benchmark("esci", "log.csv", "out", variant="relevance/lexical", pairs=1),
        lambda: sie_agent.cache_prune(older_than=math.nan),
        lambda: sie_agent.serve("scorer", grace_seconds=math.nan),
        lambda: sie_agent.push_labels("labels", folder="out", limit=0),
    ],
)
def test_the_functions_check_the_same(tmp_path: Path, call: Callable[[], object]) -> None:
    with pytest.raises(InputError, match=r"expected .*, found "):
        call()
    assert list(tmp_path.iterdir()) == []


def test_what_is_right_is_taken() -> None:
    check_values(limit=INT64, seed=0, keep=1, max_cost=0, timeout=1e-3, split="train", variant=["a", "b"], model=None)


@pytest.mark.parametrize("name", [name for name, kind in KINDS.items() if isinstance(kind, Number)])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 2**64, -(2**64), 10**400, "1", True, [None, "x"], 1j])
def test_no_number_is_taken_for_one(name: str, value: object) -> None:
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**300 and not KINDS[name].takes(-1):
        number = KINDS[name]
        assert isinstance(number, Number)
        if not number.whole and number.most is None and number.below is None:
            # money and spreads have no upper end
            check_values(**{name: value})
            return
    with pytest.raises(InputError, match="expected"):
        check_values(**{name: value})
