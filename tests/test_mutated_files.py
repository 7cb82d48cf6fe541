"""Files of users with anything in the place of anything: they are taken, or refused in our own words."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from sie_agent.errors import InputError
from sie_agent.files.paths import prompts_dir, suites_dir
from sie_agent.judging import load_endpoints, load_variant
from sie_agent.samples import load_column_map
from sie_agent.suite.settings import load_suite

ENDPOINTS = """
endpoints:
- {base_url: 'http://127.0.0.1:8000/v1', name: a, model: m, concurrency: 4, requests_per_minute: 10, revision: r}
- {base_url: 'http://127.0.0.1:8001/v1', model: n, price: {input: 1, output: 2}}
double_judged: 5
"""
MAP = """
note: of all kinds
columns: {query: q, title: [a, b]}
constants: {description: x}
attributes: {color: d}
label: {column: c, minimum: 0, maximum: 4}
grade: {column: g, values: {a: 1, b: 0}}
position: {column: p, first: 1}
impressions: {count: n, visit: [s], position: mean, per: user}
html: [title]
filters: {language: [en]}
keep: [z]
"""
NEXT = "next_item: {items: i.csv, sequences: s.csv, title: t, longest: 5, last: 2, others: 3, drawn: evenly, seed: 1}"
FILES: dict[str, tuple[Callable[[Path], object], list[str]]] = {
    "suite": (load_suite, [path.read_text(encoding="utf-8") for path in sorted(suites_dir().glob("*.yaml"))]),
    "variant": (load_variant, [path.read_text(encoding="utf-8") for path in sorted(prompts_dir().glob("*/*.yaml"))]),
    "endpoints": (load_endpoints, [ENDPOINTS]),
    "map": (load_column_map, [MAP, NEXT, "files: {main: a.csv, separator: ';', joins: [{file: b.csv, key: k}]}"]),
}
ODD = [
    *(None, True, -1, 0, 10**17, 0.5, 1e300, "", " ", "word", "\0", "~nouser/x", "a" * 300, "b/" * 3000, "../..", "/"),
    *("/dev/null", [], [1], ["x"], [None], [[]], {}, {"x": 1}, {1: 2}, "{{", "{% for", "http://[", "\x1b[31m", "a\nb"),
]
# what pydantic, the system and Python say
FOREIGN = re.compile(r"Input should|unable to parse|should be|should have|Errno|pydantic|object at 0x|Traceback")


def ways(content: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every value."""
    yield way
    for key in content if isinstance(content, dict) else range(len(content) if isinstance(content, list) else 0):
        yield from ways(content[key], (*way, key))


@pytest.mark.slow
@pytest.mark.parametrize("kind", FILES)
def test_only_input_errors_come_out(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    load, texts = FILES[kind]
    path = tmp_path / "mutated.yaml"

    @settings(max_examples=250, database=None)
    @given(st.data())
    def check(data: st.DataObject) -> None:
        content = yaml.safe_load(data.draw(st.sampled_from(texts)))
        for _ in range(data.draw(st.integers(1, 3))):
            *before, last = data.draw(st.sampled_from([way for way in ways(content) if way]))
            part = content
            for key in before:
                part = part[key]
            odd = copy.deepcopy(data.draw(st.sampled_from(ODD)))
            if isinstance(part, dict) and isinstance(odd, str | int) and data.draw(st.booleans()):
                part[odd] = part.pop(last)
            else:
                part[last] = odd
        path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
        said = ""
        try:
            load(path)
        except InputError as error:
            said = str(error)
        assert not FOREIGN.search(said), said

    check()
