"""Prompt templates of unknown origin: what is not listed is refused when the file is read, and rendering has bounds."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import StrictUndefined, TemplateSyntaxError
from jinja2.sandbox import SandboxedEnvironment

from sie_agent.errors import InputError
from sie_agent.judging.prompts.template_check import FILTERS, METHODS, TESTS
from sie_agent.judging.prompts.templates import ALL_FIELDS, compiled
from sie_agent.judging.prompts.variants import FIELDS, list_variants, load_variant

FENCED = "<query>{{ query }}</query><item>{{ title }}</item>"
ROW = {name: f"{name} word " * 20 for name in FIELDS}
HOSTILE = {
    "a long loop": "{% for i in range(10**9) %}x{% endfor %}",
    "a short range": "{% for i in range(3) %}x{% endfor %}",
    "a loop over characters": "{% for letter in title %}x{% endfor %}",
    "a loop in a loop": "{% for a in title.split() %}{% for b in title.split() %}x{% endfor %}{% endfor %}",
    "a loop that calls itself": "{% for a in title.split() recursive %}{{ loop(a) }}{% endfor %}",
    "five loops": "{% for a in ['x'] %}{% endfor %}" * 5,
    "a text times a number": "{{ 'a' * 10**9 }}",
    "a power": "{{ 9**9**9 }}",
    "a format": "{{ '%1000000000d' % 1 }}",
    "a format by method": "{{ '{:1000000000}'.format(1) }}",
    "a macro that calls itself": "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    "a class": "{{ ''.__class__.__mro__ }}",
    "a class by name": "{{ title['__class__'] }}",
    "a class by filter": "{{ title|attr('__class__') }}",
    "an attribute": "{{ title.x }}",
    "center": "{{ title|center(10**9) }}",
    "center with a number": "{{ title|center(1000000000) }}",
    "wordwrap": "{{ title|wordwrap(1, wrapstring='xxxxxxxxx') }}",
    "indent": "{{ title|indent(1000000000) }}",
    "random": "{{ ['a', 'b']|random }}",
    "shuffling": "{{ title|map('random')|list }}",
    "batch": "{{ title|batch(1000000000, 'x')|list }}",
    "pprint": "{{ title|pprint }}",
    "format as a filter": "{{ '%s'|format(title) }}",
    "a long text": "{{ lipsum(10000) }}",
    "a namespace": "{% set n = namespace(a=1) %}{{ n.a }}",
    "a cycler": "{% set c = cycler('a', 'b') %}{{ c.next() }}",
    "a joiner": "{{ joiner(',')() }}",
    "a dictionary": "{{ dict(a=1) }}",
    "a literal dictionary": "{{ {'a': 1} }}",
    "an include": "{% include '/etc/passwd' %}",
    "an import": "{% import 'x' as x %}",
    "extends": "{% extends 'x' %}",
    "a block": "{% block a %}{% endblock %}{{ self.a() }}",
    "a call": "{% call title.upper() %}{% endcall %}",
    "a filter block": "{% filter upper %}x{% endfilter %}",
    "a block that is set": "{% set x %}y{% endset %}",
    "names made of names": "{% set a = title ~ title %}{% set b = a ~ a %}{{ b }}",
    "a name made of itself": "{% set a = title %}{% set a = a ~ a %}{{ a }}",
    "a name set in a loop": "{% for w in title.split() %}{% set a = w %}{% endfor %}",
    "a condition that joins": "{% if title ~ title == 'x' %}{% endif %}",
    "arguments with a star": "{{ title|replace(*['a', 'b']) }}",
    "an unknown test": "{{ title is callable }}",
    "an unknown name": "{{ name }}",
    "a deep nest": "{{ " + "(" * 5_000 + "title" + ")" * 5_000 + " }}",
    "many nots": "{{ " + "not " * 5_000 + "title }}",
    "a long sum": "{{ title" + " ~ title" * 5_000 + " }}",
    "a long chain": "{{ title" + "|upper" * 5_000 + " }}",
    "a huge number": "{{ " + "9" * 10_000 + " }}",
    "a huge template": "x" * 200_000,
    "ifs in ifs": "{% if title %}" * 200 + "{% endif %}" * 200,
}


def variant_of(folder: Path, user: str) -> Path:
    path = folder / "mine.yaml"
    scale = [{"token": str(grade), "value": grade, "meaning": "m"} for grade in (0, 1)]
    content = {"about": "x", "aspect": "relevance", "method": "graded", "scale": scale, "user": user}
    path.write_text(yaml.safe_dump(content, allow_unicode=True))
    return path


@pytest.mark.parametrize("part", HOSTILE.values(), ids=list(HOSTILE))
def test_a_template_that_does_more_is_refused_when_it_is_read(tmp_path: Path, part: str) -> None:
    begun = time.perf_counter()
    with pytest.raises(InputError) as caught:
        load_variant(variant_of(tmp_path, f"{FENCED}\n{part}"))
    message = str(caught.value)
    assert str(tmp_path / "mine.yaml") in message and "user: " in message and message.isprintable()
    assert time.perf_counter() - begun < 5


def test_the_line_and_what_there_is_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"user: bad template, line 3: the filter 'center' is not allowed.*truncate"):
        load_variant(variant_of(tmp_path, f"{FENCED}\n\n{{{{ title|center(9) }}}}"))


@pytest.mark.parametrize(
    "source",
    [
        "{{ title|replace(' ', '" + "x" * 90_000 + "') }}",
        "{{ title.split()|join('" + "x" * 60_000 + "') }}",
        "{{ '" + "a" * 3_000 + "'|replace('a', '" + "b" * 3_000 + "')|replace('b', '" + "c" * 3_000 + "') }}",
        "{% for w in title.split() %}" + "x" * 60_000 + "{% endfor %}",
    ],
)
def test_what_grows_when_it_is_rendered_is_stopped(source: str) -> None:
    with pytest.raises(InputError, match="the template cannot be filled in"):
        compiled(source).render(ROW)


def test_a_row_that_a_template_does_not_fit_is_one_line() -> None:
    template = compiled("{{ title.split()[99] }}")
    with pytest.raises(InputError, match=r"cannot be filled in.*README"):
        template.render(ROW)
    assert compiled("{{ title.split()[0] }}").render(ROW) == "title"
    with pytest.raises(InputError, match="more than 2,000 parts"):
        compiled("{% for w in title.split() %}{{ w }}{% endfor %}").render({**ROW, "title": "w " * 3_000})


GOOD = (
    "{{ title }} {{ query|upper }} {{ title[:5] }} {{ title[-3:] }}",
    "{% if description and not attributes %}a{% elif query or title %}b{% else %}c{% endif %}",
    "{% for word in title.split() %}{{ loop.index }}:{{ word|lower }}{% if not loop.last %}, {% endif %}{% endfor %}",
    "{% for word in title.split()[:3] %}{{ word }}{% endfor %}{% for c in ['a', 'b'] %}{{ c }}{% endfor %}",
    "{% set name = title|trim %}{{ name ~ ', ' ~ query }}{{ 'x' if 'word' in title else 'y' }}",
    "{{ title|truncate(20) }}{{ title|length + 1 }}{{ title|replace('w', 'v')|capitalize }}{{ title is defined }}",
    "{{ title.upper() }}{{ title.split()|join('-') }}{{ title.startswith('t') }}{{ title|wordcount is odd }}",
    "{% raw %}{{ x }}{% endraw %}{# a remark #}{{ title|default('x', true) }}{{ '7'|int - 2 }}{{ 2.5|round }}",
)


@pytest.mark.parametrize("source", GOOD)
def test_what_is_listed_renders_as_jinja_does(source: str) -> None:
    plain = SandboxedEnvironment(undefined=StrictUndefined).from_string(source)
    assert compiled(source).render(ROW) == plain.render(ROW)


@pytest.mark.slow
@given(st.fixed_dictionaries(dict.fromkeys(ALL_FIELDS, st.text(max_size=40))))
def test_what_ships_renders_as_jinja_does(row: dict[str, str]) -> None:
    environment = SandboxedEnvironment(undefined=StrictUndefined)
    for name in list_variants():
        user = load_variant(name).user
        assert compiled(user).render(row) == environment.from_string(user).render(row)


def test_the_readme_lists_what_is_taken() -> None:
    text = (Path(__file__).parents[2] / "prompts" / "README.md").read_text(encoding="utf-8")
    for names in (FILTERS, TESTS, METHODS):
        assert " ".join(f"`{name}`" for name in sorted(names)) in text


WORDS = (
    "{{ }} {% %} title query | upper for in if endif endfor range ( ) 'a' 9 * ** ~ + . [ ] : split set = is not x #}"
)


@given(st.lists(st.sampled_from(WORDS.split(" ")), max_size=14))
def test_any_template_renders_little_or_is_refused(pieces: list[str]) -> None:
    rendered = ""
    try:
        rendered = compiled(" ".join(pieces)).render(ROW)
    except TemplateSyntaxError as error:
        rendered = error.message or ""
    except InputError as error:
        rendered = str(error)
    assert len(rendered) < 5_000
