"""Prompt templates: they show fields, ask for them, cut and tidy them. Nothing that grows or runs on.

A variant may come from anywhere, and a template is a program. So its parts are looked at before anything is run
(:mod:`sie_agent.judging.prompts.template_check`), and what is rendered has a bound as well, in characters and in work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache, wraps
from typing import Any

from jinja2 import StrictUndefined, TemplateSyntaxError, meta, nodes
from jinja2.exceptions import TemplateError
from jinja2.sandbox import SandboxedEnvironment

from sie_agent.errors import InputError
from sie_agent.judging.prompts.template_check import FILTERS, MOST_SOURCE, TESTS, check_tree

FIELDS = ("query", "title", "description", "attributes")
# another item of the same query, to compare with
OTHER_FIELDS = ("other_title", "other_description", "other_attributes")
# what was asked before of the item, what was looked up about the pair, and the opponent: only some variants have them
EXTRA_FIELDS = ("profile", "evidence", *OTHER_FIELDS)
ALL_FIELDS = (*FIELDS, *EXTRA_FIELDS)
# stands before and behind a field while Jinja renders
MARK = "\x00"
# of what is rendered; all fields of a row at their largest have 310,000 characters
MOST_CHARS = 1_000_000
# characters that filters and methods read and write while a row is rendered
MOST_WORK = 20_000_000
MOST_ENTRIES = 2_000

_work: ContextVar[list[int] | None] = ContextVar("work that is left", default=None)


class TooMuch(TemplateError):
    """Rendering took more than it may."""


def spend(amount: int) -> None:
    """Take from the work that a row may still cost."""
    left = _work.get()
    if left is not None:
        left[0] -= amount
        if left[0] < 0:
            raise TooMuch("the template does too much with a row")


def size_of(value: Any) -> int:
    """How many characters a value has, about."""
    if isinstance(value, str):
        return len(value) + 1
    return sum(map(size_of, value)) if isinstance(value, list | tuple) else 1


def counted(call: Callable[..., Any], place: int) -> Callable[..., Any]:
    """A filter whose work is counted; *place*: of the value among its arguments."""

    @wraps(call)
    def counting(*arguments: Any, **named: Any) -> Any:
        spend(sum(map(size_of, (*arguments[place:], *named.values()))))
        result = call(*arguments, **named)
        spend(size_of(result))
        return result

    return counting


def replaced(text: Any, old: Any, new: Any) -> str:
    """The filter ``replace``, which looks first how long the text becomes."""
    whole, before, after = str(text), str(old), str(new)
    spend(len(whole) + (whole.count(before) + 1) * len(after))
    return whole.replace(before, after)


class PromptEnvironment(SandboxedEnvironment):
    """Jinja with the filters and tests listed here, and without functions."""

    def __init__(self) -> None:
        super().__init__(undefined=StrictUndefined)
        self.globals.clear()
        chosen = {name: self.filters[name] for name in FILTERS}
        self.filters = {
            name: counted(call, 1 if hasattr(call, "jinja_pass_arg") else 0) for name, call in chosen.items()
        }
        self.filters["replace"] = replaced
        self.tests = {name: self.tests[name] for name in TESTS}

    def call(self, __context: Any, __called: Any, *arguments: Any, **named: Any) -> Any:
        """Call a method of a text; see `METHODS`."""
        spend(size_of(getattr(__called, "__self__", "")) + sum(map(size_of, arguments)))
        result = super().call(__context, __called, *arguments, **named)
        if isinstance(result, list) and len(result) > MOST_ENTRIES:
            raise TooMuch(f"a text has more than {MOST_ENTRIES:,} parts")
        spend(size_of(result))
        return result


ENVIRONMENT = PromptEnvironment()


@contextmanager
def bounded_work() -> Iterator[None]:
    """Count the work of the block; a filter or method raises TooMuch where it gets too much."""
    token = _work.set([MOST_WORK])
    try:
        yield
    finally:
        _work.reset(token)


def parsed(source: str) -> nodes.Template:
    """The tree of a template that does nothing but what is listed here.

    Raises
    ------
    TemplateSyntaxError : it is not a template, or does something else; names the line.
    """
    if len(source) > MOST_SOURCE:
        raise TemplateSyntaxError(f"it has more than {MOST_SOURCE:,} characters", 1)
    try:
        tree = ENVIRONMENT.parse(source)
    except RecursionError as error:
        raise TemplateSyntaxError("it is nested too deep", 1) from error
    except ValueError as error:
        raise TemplateSyntaxError("a number in it has too many digits", 1) from error
    check_tree(tree)
    return tree


class Filling:
    """A checked template. Called with the fields, it gives what Jinja renders, and no more than it may.

    Most templates only show fields and ask whether one is empty. Such a template is rendered by Jinja once
    for each set of fields that are there; from then on the fields are put into that text. All others are
    rendered by Jinja each time.

    Parameters
    ----------
    source : the text of the template.

    Attributes
    ----------
    names : the fields that it shows. extra_names : those of them that a pair alone does not have.

    Raises
    ------
    TemplateSyntaxError : as :func:`parsed`.
    """

    def __init__(self, source: str) -> None:
        tree = parsed(source)
        # Jinja works out what is constant when it compiles
        with bounded_work():
            self._template = ENVIRONMENT.from_string(source)
        used = meta.find_undeclared_variables(tree)
        self.names = tuple(name for name in ALL_FIELDS if name in used)
        self.extra_names = tuple(name for name in EXTRA_FIELDS if name in used)
        self._plain = MARK not in source and is_plain(tree)
        self._forms: dict[tuple[bool, ...], tuple[str, list[str]]] = {}

    def __call__(self, fields: Mapping[str, str]) -> str:
        if not self._plain:
            return self.render(fields)
        there = tuple([bool(fields[name]) for name in self.names])
        form = self._forms.get(there)
        if form is None:
            # a format string, and the names of the fields that go into it, in order
            marked = {name: f"{MARK}{name}{MARK}" if fields[name] else "" for name in self.names}
            parts = self.render(marked).split(MARK)
            form = "%s".join(part.replace("%", "%%") for part in parts[::2]), parts[1::2]
            self._forms[there] = form
        return form[0] % tuple([fields[name] for name in form[1]])

    def render(self, fields: Mapping[str, str]) -> str:
        """The text as Jinja renders it.

        Raises
        ------
        InputError : the text gets too long, or the template cannot be filled in with these fields.
        """
        pieces: list[str] = []
        size = 0
        try:
            with bounded_work():
                for piece in self._template.generate(fields):
                    size += len(piece)
                    if size > MOST_CHARS:
                        raise TooMuch(f"the text gets longer than {MOST_CHARS:,} characters")
                    pieces.append(piece)
        except (TemplateError, ArithmeticError, TypeError, AttributeError, LookupError, ValueError) as error:
            said = " ".join(str(error).split())[:200]
            raise InputError(f"the template cannot be filled in: {said}", hint="See prompts/README.md") from error
        return "".join(pieces)


# checked and compiled once per text
compiled = lru_cache(maxsize=256)(Filling)


def is_plain(node: nodes.Node) -> bool:
    """Whether a part of a template does no more than to show fields and to ask whether they are empty."""
    if isinstance(node, nodes.Template):
        return all(is_plain(part) for part in node.body)
    if isinstance(node, nodes.Output):
        return all(isinstance(part, nodes.TemplateData) or is_field(part) for part in node.nodes)
    if isinstance(node, nodes.If):
        return asks_for_fields(node.test) and all(is_plain(part) for part in [*node.body, *node.elif_, *node.else_])
    return False


def asks_for_fields(test: nodes.Node) -> bool:
    """Whether a condition is made of fields, ``not``, ``and`` and ``or`` alone."""
    if isinstance(test, nodes.Not):
        return asks_for_fields(test.node)
    if isinstance(test, nodes.And | nodes.Or):
        return asks_for_fields(test.left) and asks_for_fields(test.right)
    return is_field(test)


def is_field(node: nodes.Node) -> bool:
    """Whether a part of a template is the name of a field."""
    return isinstance(node, nodes.Name) and node.name in ALL_FIELDS
