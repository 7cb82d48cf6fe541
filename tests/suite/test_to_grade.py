"""How many grades are missing before rankers can be tested: of the queries that lack the fewest, and it adds up."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sie_agent.downstream import QUERIES_WANTED, ungraded_words
from sie_agent.suite.draw.draw_files import to_grade


@given(st.lists(st.lists(st.booleans(), min_size=1, max_size=6), min_size=1, max_size=30), st.integers(1, 60))
def test_what_is_missing_adds_up(shop: list[list[bool]], times: int) -> None:
    queries = np.concatenate([np.full(len(rows), code) for code, rows in enumerate(shop * times)])
    graded = np.array([one for rows in shop * times for one in rows])
    found = to_grade(queries, graded)
    assert found["pairs"] + found["graded"] == found["rows"] <= len(queries)
    assert found["queries"] == min(QUERIES_WANTED, len(shop) * times)
    # no other choice of as many queries lacks fewer
    lacking = sorted(rows.count(False) for rows in shop * times)
    assert found["pairs"] == sum(lacking[: found["queries"]])
    said = ungraded_words(len(queries), int(graded.sum()), found)
    assert (f"Grade {found['pairs']:,} " in said) == (found["pairs"] > 0)
