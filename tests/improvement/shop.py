"""A shop with graded searches, and a scripted model whose quality depends on the words of its prompt."""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from ..judging.scripted_server import Reply, Script, completion

PLANTED = "A part, tool, cover or accessory for the thing is not the thing."
LEVELS = ("0", "1", "2", "3")
MAP = "columns: {query: query, item_id: item_id, title: title}\ngrade: {column: grade, minimum: 0, maximum: 3}\n"
LIKELY = dict.fromkeys(LEVELS, -6.0)


def rows(queries: int = 40, items: int = 4) -> list[dict[str, Any]]:
    """Pairs whose grade stands in the title, as a word that means nothing to anybody else."""
    return [
        {
            "query": f"lamp number {query}",
            "item_id": f"{query}-{item}",
            "title": f"Thing {query} {item} v{(query + item) % 4}",
            "grade": (query + item) % 4,
        }
        for query in range(queries)
        for item in range(items)
    ]


def written(folder: Path, **how: int) -> dict[str, Path]:
    """The data and their map as files."""
    found = {"data": folder / "graded.csv", "column_map": folder / "map.yaml"}
    with found["data"].open("w", newline="") as stream:
        writer = csv.DictWriter(stream, ["query", "item_id", "title", "grade"])
        writer.writeheader()
        writer.writerows(rows(**how))
    found["column_map"].write_text(MAP)
    return found


def samples(**how: int) -> pd.DataFrame:
    """The same as samples."""
    table = pd.DataFrame(rows(**how))
    return table.assign(sample_id=table["item_id"], grade=table["grade"] / 3, description="", attributes="")


def is_reflection(body: dict[str, Any]) -> bool:
    """Whether a request is to the model that reflects."""
    return not body.get("logprobs")


def texts(body: dict[str, Any]) -> list[str]:
    """The texts of a request."""
    return [message["content"] for message in body["messages"]]


def query_of(body: dict[str, Any]) -> str:
    """The query that a request is about."""
    return re.findall(r"<query>(.*?)</query>", texts(body)[-1])[-1]


def knows_when(
    knows: Callable[[str, str], bool], reflect: Callable[[str, int], str] = lambda asked, number: ""
) -> Script:
    """A model that gives the human grade where *knows* says so of the prompt and the query, else any grade.

    *reflect* answers the questions of a search, from the question and its number.
    """
    count = iter(range(1, 10_000))

    def script(body: dict[str, Any], number: int) -> Reply:
        if is_reflection(body):
            return Reply(body=completion(reflect(texts(body)[-1], next(count))))
        *before, last = texts(body)
        token = re.findall(r"v(\d)", last)[-1]
        if not knows("\n".join(before), query_of(body)):
            token = str(hashlib.sha256(last.encode()).digest()[0] % 4)
        return Reply(body=completion(token, top={token: -0.01, **{one: -6.0 for one in LEVELS if one != token}}))

    return script


def instructions(asked: str) -> str:
    """The text between the first marks of a question of the search: what is to be improved."""
    return asked.split("```")[1].strip()


def about_examples(asked: str) -> bool:
    """Whether a question of the search is about the examples."""
    return "a YAML list" in asked
