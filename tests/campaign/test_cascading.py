"""A campaign whose cheap judge settles the easy pairs: the server is asked about the rest alone."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from sie_agent.commands.campaign import run_campaign

from ..cascade.shop import title_of, write_log
from ..judging.scripted_server import Reply, completion, scripted_server
from .conftest import write

EASY = ("brass", "spoon")


def answer(body: dict[str, Any], number: int) -> Reply:
    """A server that knows the easy pairs as well as the hard ones."""
    title = title_of(body)
    yes = 0.98 if " yes " in title or "brass" in title else 0.5 if " maybe " in title else 0.02
    shares = {"yes": math.log(yes), "no": math.log(1 - yes)}
    said = "yes" if yes >= 0.5 else "no"
    return Reply(body=completion(said, top=dict(sorted(shares.items(), key=lambda one: -one[1]))))


@pytest.mark.slow
@pytest.mark.parametrize("cascade", ["auto", "off"])
def test_a_cheaper_judge_settles_what_it_is_sure_of(cascade: str, tmp_path: Path) -> None:
    write_log(tmp_path / "log.csv", 300)
    with scripted_server(answer) as server:
        spec = f"server=openai,m,base_url={server.url},concurrency=8,price_input=10,price_output=0"
        goal = write(
            tmp_path / "goal.yaml",
            log="log.csv",
            judges=["words=lexical", spec],
            variants=["relevance/lexical", "relevance/yes-no"],
            budget={"money": 2.0},
            pilot={"pairs": 100, "share": 0.5},
            stop={"first": 600, "least": 10_000},
            cascade=cascade,
        )
        result = run_campaign(goal, "out", yes=2.0)
        asked = set(map(title_of, server.bodies))
    assert result["exit_code"] == 0 and result["choice"] == "relevance/yes-no @ server"
    told = next(one for one in result["decisions"] if one["step"] == "cascade")
    found = pd.read_parquet(tmp_path / "out" / "labels" / "judgments.parquet")
    assert (found["status"] == "ok").all() and found["score"].between(0, 1).all()
    pilot = set(pd.read_parquet(tmp_path / "out" / "pilot.parquet")["title"])
    easy = {title for title in asked - pilot if any(word in title for word in EASY)}
    if cascade == "off":
        assert "the goal says so" in told["why"] and easy
    else:
        assert told["decided"] == "a cascade judges the log" and not easy
        # half of the pairs are easy; of the hard ones a quarter has no right answer, so nothing is promised there
        assert 0.4 < (found["settled_by"] == "1-words").mean() < 0.6
        assert found.loc[found["settled_by"] == "", "detail"].str.contains("without the promise").all()
        assert "90% of what a level settles" in told["why"]
