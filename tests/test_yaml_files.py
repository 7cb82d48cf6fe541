"""YAML of users: texts stay texts, and what is not plain is one line with the file and the line."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import sie_agent
from sie_agent.errors import InputError
from sie_agent.files.yaml_files import parse_yaml, read_yaml
from sie_agent.judging import load_endpoints
from sie_agent.judging.prompts.variants import load_variant
from sie_agent.samples import load_column_map
from sie_agent.suite.settings import load_suite

LAUGHS = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{n}: &{n} [{', '.join([f'*{p}'] * 9)}]\n" for p, n in zip("abcdefgh", "bcdefghi", strict=True)
)
STRANGE = {
    "a Python object": ("x: 1\na: !!python/object/apply:os.system [ls]\n", "line 2", "!!python/object"),
    "a Python name": ("a: !!python/name:os.system\n", "line 1", "tags are not read"),
    "bytes": ("a: 1\nb: !!binary aGVsbG8=\n", "line 2", "!!binary"),
    "a set": ("a: !!set {x, y}\n", "line 1", "!!set"),
    "an ordered map": ("a: !!omap [x: 1]\n", "line 1", "!!omap"),
    "a tag of one's own": ("a:\n  - !mine 1\n", "line 2", "!mine"),
    "a text by tag": ("a: !!str 1\n", "line 1", "!!str"),
    "an anchor": ("a: &x 1\nb: 2\n", "line 1", "'&x'"),
    "an alias": ("b: *x\n", "line 1", "'*x'"),
    "a billion laughs": (LAUGHS, "line 1", "anchors and aliases"),
    "a merge key": ("a: 1\nb:\n  <<: {c: 1}\n", "line 3", "merge keys"),
    "a key twice": ("a: 1\nb: 2\na: 3\n", "line 3", "'a' occurs twice (first in line 1)"),
    "a key twice further in": ("a:\n  b:\n    - c: 1\n      c: 2\n", "line 4", "'a.b.0.c' occurs twice"),
    "a key twice in another spelling": ("1: a\n1.0: b\n", "line 2", "occurs twice"),
    "a list as a key": ("? [a]\n: 1\n", "line 1", "a key is a list or a mapping"),
    "an empty key": ("a:\n  ~: 1\n", "line 2", "a key below 'a' is empty"),
    "two documents": ("a: 1\n---\nb: 2\n", "line 2", "second document"),
    "a nest": ("[" * 10_000, "line 1", "nested more than"),
    "a nest of mappings": ("".join(" " * depth + "a:\n" for depth in range(60)), "line 41", "nested more than"),
    "a tab": ("a:\n\tb: 1\n", "line 2", "Indent with spaces"),
    "a NUL": ("a: 1\nb: \x00\n", "line 2", "U+0000"),
    "an escape": ("a: \x1b[31m\n", "line 1", "U+001B"),
    "not a number": ("a:\n  width: .nan\n", "line 2", "'a.width' is .nan"),
    "infinity": ("a: -.inf\n", "line 1", "not a finite number"),
    "not closed": ("a: [1,\n", "line 2", "not valid YAML"),
    "another version": ("%YAML 9.9\n---\na: 1\n", "line 1", "not valid YAML"),
}
LOADERS: dict[str, Callable[[Path], object]] = {
    "variant": load_variant,
    "endpoints": load_endpoints,
    "suite": load_suite,
    "map": load_column_map,
    "reader": read_yaml,
}


@pytest.mark.parametrize("load", LOADERS.values(), ids=list(LOADERS))
@pytest.mark.parametrize(("text", "line", "said"), STRANGE.values(), ids=list(STRANGE))
def test_what_is_not_plain_is_refused(
    tmp_path: Path, text: str, line: str, said: str, load: Callable[[Path], object]
) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load(path)
    message = str(caught.value)
    assert f"{path}, {line}: " in message and said.replace("not valid YAML", "") in message
    assert message.isprintable() and caught.value.exit_code == 2


@pytest.mark.parametrize("load", LOADERS.values(), ids=list(LOADERS))
@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a: ü\n".encode("utf-16"), "not UTF-8 but UTF-16 (line 1)"),
        (b"a: 1\nb: \xe9\n", "not UTF-8 (line 2)"),
        (b"", "at most 0.5 MiB"),
    ],
)
def test_files_that_are_no_text(tmp_path: Path, content: bytes, said: str, load: Callable[[Path], object]) -> None:
    path = tmp_path / "mine.yaml"
    path.write_bytes(content)
    if not content:
        os.truncate(path, 100 * 2**20)
    with pytest.raises(InputError) as caught:
        load(path)
    assert str(path) in str(caught.value) and said in str(caught.value)


def test_texts_stay_what_was_written() -> None:
    told = parse_yaml(
        "date: 2024-01-01\nno: yes\non: off\ncode: 007\ntime: 1:30\nhex: 0x1F\noctal: 0o17\nunder: 1_000\nbig: 1e999\n"
        "quoted: '12'\nempty:\nnull: x\ntrue: y\nnumber: -12\nhalf: 0.5\nsmall: 1.0e-5\nflag: true\ndotted: 1.2.3\n",
        "x",
    ).content
    assert told == {
        "date": "2024-01-01",
        "no": "yes",
        "on": "off",
        "code": "007",
        "time": "1:30",
        "hex": "0x1F",
        "octal": "0o17",
        "under": "1_000",
        "big": "1e999",
        "quoted": "12",
        "empty": None,
        "null": "x",
        "true": "y",
        "number": -12,
        "half": 0.5,
        "small": 1e-5,
        "flag": True,
        "dotted": "1.2.3",
    }


def test_a_mark_at_the_start_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_bytes(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n")
    assert read_yaml(tmp_path / "x.yaml").content == {"a": 1, "b": 2}


def test_a_wrong_value_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("about: x\naspect: relevance\nmethod: lexical\nuser: '{{ title }}'\nmax_title_chars: [1]\n")
    with pytest.raises(InputError, match=r"mine\.yaml, line 5: max_title_chars"):
        load_variant(path)
    path.write_text("columns:\n  query: q\n  title: [{a: 1}]\n")
    with pytest.raises(InputError, match=r"field 'columns\.title.*\(line 3\)"):
        load_column_map(path)
    path.write_text("endpoints:\n  - base_url: http://127.0.0.1:1/v1\n    model: x\n    concurency: 3\n")
    with pytest.raises(InputError, match=r"mine\.yaml, line 4, endpoints\.0\.concurency: unknown key"):
        load_endpoints(path)


def test_yes_and_no_are_texts_and_flags(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    scale = "scale: [{token: no, value: 0, meaning: off}, {token: yes, value: 1, meaning: on}]\n"
    user = "user: '<query>{{ query }}</query><item>{{ title }}</item>'\n"
    path.write_text(f"about: 2024-01-01\naspect: relevance\nmethod: written\nrationale: yes\n{scale}{user}")
    variant = load_variant(path)
    assert [level.token for level in variant.scale] == ["no", "yes"] and variant.scale[0].meaning == "off"
    assert variant.about == "2024-01-01" and variant.rationale is True


def test_what_ships_reads_as_before() -> None:
    root = Path(sie_agent.__file__).parent
    paths = [*root.glob("samples/maps/*.yaml"), *root.parent.glob("prompts/*/*.yaml")]
    paths += root.parent.glob("eval/suites/*.yaml")
    assert len(paths) > 20
    for path in paths:
        assert read_yaml(path).content == yaml.safe_load(path.read_text(encoding="utf-8")), path


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**17), 10**17)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8", exclude_characters="\x85\u2028\u2029\ufeff"), max_size=12)
    | st.sampled_from(["1e3", "1.5e3", "007", "yes", "0x1F", "2024-01-01", ".5", "1.", "~", "<<", "=", "1:30"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc-1", min_size=1, max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)


@pytest.mark.slow
@given(PLAIN)
def test_what_is_written_by_a_run_is_read_as_it_was(content: object) -> None:
    text = yaml.safe_dump({"x": content}, sort_keys=False, allow_unicode=True)
    assert parse_yaml(text, "x").content == {"x": content}


@pytest.mark.slow
def test_a_file_of_the_largest_size_takes_seconds(tmp_path: Path) -> None:
    path = tmp_path / "large.yaml"
    path.write_text("".join(f"k{number}: [1, two, 3.0]\n" for number in range(22_000)))
    begun = time.perf_counter()
    assert len(read_yaml(path).content) == 22_000
    assert time.perf_counter() - begun < 60


@given(st.text(st.sampled_from("ab:-[]{}&*!|>'\"%@`#,? \n\t~<0.1"), max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    said = "x.yaml: read"
    try:
        parse_yaml(text, "x.yaml")
    except InputError as error:
        said = str(error)
    assert said.startswith("x.yaml") and said.isprintable()
