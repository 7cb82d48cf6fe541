"""A log whose easy pairs words settle, whose hard ones a server does, and of which some are left for people."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from ..judging.scripted_server import Reply, completion

N_QUERIES = 160
HARD = ("yes", "no", "yes", "maybe")


def rows_of(n_queries: int = N_QUERIES) -> pd.DataFrame:
    """Four items of each query: one that shares all words, one that shares none, two that share half of them."""
    rows = []
    for query in range(n_queries):
        asked = f"lamp q{query}x"
        items = [(f"lamp q{query}x brass", 1.0), (f"spoon steel {query}", 0.0)]
        for place in range(2):
            said = HARD[(query + 2 * place) % 4]
            grade = {"yes": 1.0, "no": 0.0, "maybe": float(query % 8 < 4)}[said]
            items.append((f"lamp {said} n{query}n{place}", grade))
        for number, (title, grade) in enumerate(items):
            named = {"sample_id": f"s{query}-{number}", "query": asked, "item_id": f"i{query}-{number}"}
            rows.append({**named, "title": title, "label": number % 2, "grade": grade})
    return pd.DataFrame(rows)


def write_log(path: Path, n_queries: int = N_QUERIES) -> Path:
    """The log as CSV."""
    rows_of(n_queries).to_csv(path, index=False)
    return path


def title_of(body: dict[str, Any]) -> str:
    """The title that a request is about."""
    return str(body["messages"][-1]["content"].split("<item>")[1].split("</item>")[0])


def answer(body: dict[str, Any], number: int) -> Reply:
    """A server that reads yes and no off the title, and knows nothing else."""
    title = title_of(body)
    yes = 0.99 if " yes " in title else 0.01 if " no " in title else 0.5
    said = "yes" if yes >= 0.5 else "no"
    shares = {"yes": math.log(yes), "no": math.log(1 - yes)}
    return Reply(body=completion(said, top=dict(sorted(shares.items(), key=lambda one: -one[1]))))


def levels_text(url: str, *, people: bool = True, more: Sequence[str] = (), confidence: str = "margin") -> str:
    """The levels: words, then the server, then people."""
    lines = [
        "steps: 3",
        "levels:",
        "  - {name: words, kind: judge, backend: lexical, variant: relevance/lexical}",
        *more,
        "  - name: server",
        "    kind: endpoint",
        "    backend: openai",
        "    model: m",
        f"    base_url: {url}",
        "    variant: relevance/yes-no",
        "    price_input: 1000.0",
        "    price_output: 0.0",
        f"    confidence: {confidence}",
    ]
    return "\n".join([*lines, *(["  - {kind: person}"] if people else [])]) + "\n"
