"""The search for the form in which a server answers, and what was found out on the way."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from sie_agent.files.event_log import event
from sie_agent.judging.answers import Answer
from sie_agent.judging.backends.http.form import Form, in_words, named_part, next_form, simpler_forms
from sie_agent.judging.backends.http.reading import OtherForm
from sie_agent.judging.backends.http.trouble import Refusal, Trouble
from sie_agent.utils.progress import say

MOST_FORMS = 24
MOST_PROBES = 2
# graded answers in a row that cannot be read, before none is expected any more
MOST_ASTRAY = 3
# tokens for a model that thinks before it answers, where those of the variant do not suffice
LONGER = (2048, 8192)

Said = Answer | Trouble | Refusal | OtherForm
Send = Callable[[Form, str], Awaitable[Said]]


class Settled:
    """In which form a server is asked, as found out while asking.

    Parameters
    ----------
    form : the form to begin with.
    tell : told a line when a form was settled on, with the method and why.

    Attributes
    ----------
    answered : whether it ever answered a question.
    """

    def __init__(self, form: Form, tell: Callable[[Form, str, str], None]) -> None:
        self.form = form
        self.answered = False
        self.probed = 0
        self._probing: tuple[asyncio.AbstractEventLoop, asyncio.Lock] | None = None
        self._tell = tell
        self._proved: set[tuple[str, Any]] = set()
        self._astray = 0
        self._by_method: dict[str, Form] = {}

    @property
    def probing(self) -> asyncio.Lock:
        """Held by the request that looks for a form; each batch of requests has an event loop of its own."""
        loop = asyncio.get_running_loop()
        if self._probing is None or self._probing[0] is not loop:
            self._probing = (loop, asyncio.Lock())
        return self._probing[1]

    def proved(self, field: str, value: Any) -> bool:
        """Whether an answer ever came to a request with this part, so that it is not refused to all."""
        return (field, value) in self._proved

    def astray(self) -> None:
        """A graded answer could not be read; after some in a row, all are asked in writing from then on."""
        self._astray += 1
        if self._astray >= MOST_ASTRAY:
            self._proved.discard(("in_writing", False))

    @property
    def reads_graded(self) -> bool:
        """Whether graded answers are read from log-probabilities, as far as is known."""
        return self._astray < MOST_ASTRAY

    def read(self) -> None:
        """A graded answer was read from its log-probabilities."""
        self._astray = 0

    def learn(self, form: Form, base: Form, method: str, why: str) -> None:
        """An answer came in *form*, where *base* was tried first: ask so from now on, and say so once.

        A part with which an answer came before stays as it is: it was this request that did not go with it.
        """
        if self._by_method.get(method) is form:
            return
        changes = {
            name: value for name, value in form.changed(base).items() if not self.proved(name, getattr(base, name))
        }
        self._proved.update(proofs(form, method))
        self.answered = True
        self.form = replace(self.form, **changes)
        if form == self.form:
            told = self._by_method.get(method) == form
            self.form = self._by_method[method] = form
            if not told:
                self._tell(form, method, why)


def proofs(form: Form, method: str) -> set[tuple[str, Any]]:
    """What an answer to a request of this form proves: that its parts are taken."""
    sent = ["limit_name", "temperature", "seed", "turns"]
    sent += ["top_logprobs", "in_writing"] if method == "graded" else ["schema"]
    return {(name, getattr(form, name)) for name in sent}


def say_form(name: str, model: str) -> Callable[[Form, str, str], None]:
    """What tells the person at the terminal in which form *name* is asked."""

    def tell(form: Form, method: str, why: str) -> None:
        event("form", endpoint=name, model=model, method=method, form=in_words(form, method, model), why=why)
        say(f"{name}: {in_words(form, method, model)}{f' ({why})' if why else ''}")

    return tell


async def answer_in_some_form(settled: Settled, method: str, send: Send) -> Answer | Trouble:
    """Ask in the form that was settled on, and where a part of it is refused, in others until there is an answer.

    A form that gets an answer is what all are asked in from then on; requests that are under way take it over when they
    are refused. None of that is a try of the request's.

    Parameters
    ----------
    settled : what is known of the server.
    method : the variant's method.
    send : asks in a form, by ``"graded"`` or ``"written"``.
    """

    def by(form: Form) -> str:
        return "written" if form.in_writing else method

    base = form = settled.form
    why, again, sure = "", True, True
    unread: Answer | None = None
    for _ in range(MOST_FORMS):
        said = await send(form, by(form))
        if isinstance(said, OtherForm) and said.longer:
            longer = next((most for most in LONGER if most > form.least_limit), None)
            if longer is None or form.limit_name is None:
                return said.answer
            form, why = replace(form, least_limit=longer), said.why
        elif isinstance(said, OtherForm) and settled.proved("in_writing", False) and again:
            # one answer without log-probabilities among many may have been a slip
            again = False
        elif isinstance(said, OtherForm):
            settled.astray()
            form, why, unread = replace(form, in_writing=True), said.why, unread or said.answer
        elif not isinstance(said, Refusal):
            if not isinstance(said, Answer):
                return said
            if said.status == "out-of-scale" and by(form) == "graded" and method == "graded":
                if settled.proved("in_writing", False):
                    return said
                # no answer was read yet: it may be that this server never begins with the grade
                settled.astray()
                form, why = replace(form, in_writing=True), "its answers do not begin with the grade"
                unread, sure = said, False
                continue
            if unread is not None and said.status != "ok":
                return replace(unread, method=by(form)) if said.status == "unparsed" else said
            settle(settled, said, form, base, by(form), why, sure=sure)
            return said
        elif settled.form != base:
            # learned meanwhile, by another request
            base = form = settled.form
        elif (changed := next_form(said.problem, form, by(form))) is not None:
            form = changed
        elif is_vague(said) and named_part(said.problem, form, by(form)) is None and not settled.answered:
            return await _probed(settled, form, by, send, said)
        else:
            return said.trouble
    return Trouble("pair", Answer("rejected", by(form), detail="the server took no form of the request"))


def settle(settled: Settled, said: Answer, form: Form, base: Form, method: str, why: str, *, sure: bool) -> None:
    """Learn from an answer how to ask.

    Parameters
    ----------
    sure : whether the server's way to answer made it necessary to ask in writing; else it may be this pair alone, and
        only several in a row tell that it is not.
    """
    if method == "graded" and said.status == "ok":
        settled.read()
    if said.status != "ok":
        # a longer answer that was none either is no reason to let all be as long
        form = replace(form, least_limit=base.least_limit)
    alone = settled.reads_graded and (not sure or settled.proved("in_writing", False))
    if form.in_writing and not base.in_writing and alone:
        settled.answered = True
        return
    settled.learn(form, base, method, why)


def is_vague(refused: Refusal) -> bool:
    """Whether a server does not say why it refuses; a router that finds nobody who takes all parts does not either."""
    rejected = refused.trouble.kind == "pair" and refused.trouble.answer.status == "rejected"
    return rejected or (refused.problem.status == 404 and "parameter" in refused.problem.text)


async def _probed(
    settled: Settled, form: Form, by: Callable[[Form], str], send: Send, refused: Refusal
) -> Answer | Trouble:
    """Leave out one part after the other until there is an answer; one request does so, the others wait for it."""
    async with settled.probing:
        tried = [settled.form]
        if not settled.answered and settled.form == form:
            if settled.probed >= MOST_PROBES:
                return refused.trouble
            settled.probed += 1
            tried = list(simpler_forms(form, by(form)))
        for simpler in tried:
            said = await send(simpler, by(simpler))
            if isinstance(said, Answer):
                settled.learn(simpler, form, by(simpler), "")
            if isinstance(said, Answer | Trouble):
                return said
    return refused.trouble
