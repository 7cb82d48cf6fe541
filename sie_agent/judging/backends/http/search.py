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
from sie_agent.judging.backends.http.trouble import Trouble
from sie_agent.utils.progress import say

MOST_FORMS = 24
MOST_PROBES = 2
# graded answers in a row that cannot be read, before none is expected any more
MOST_ASTRAY = 3
# tokens for a model that thinks before it answers, where those of the variant do not suffice
LONGER = (2048, 8192)

Said = Answer | Trouble | OtherForm
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

    def settle(self, said: Answer, form: Form, base: Form, method: str, why: str, *, sure: bool) -> None:
        """Learn from an answer in *form*, where *base* was tried first, how to ask.

        Parameters
        ----------
        sure : whether it was the server's way to answer that made writing necessary; else it may be this pair alone,
            and only several in a row tell that it is not.
        """
        if method == "graded" and said.status == "ok":
            self._astray = 0
        if said.status != "ok":
            # a longer answer that could not be read either is no reason to let all be as long
            form = replace(form, least_limit=base.least_limit)
        alone = self._astray < MOST_ASTRAY and (not sure or self.proved("in_writing", False))
        if form.in_writing and not base.in_writing and alone:
            self.answered = True
        else:
            self.learn(form, base, method, why)

    def learn(self, form: Form, base: Form, method: str, why: str = "") -> None:
        """Ask in this form from now on, and say so once.

        A part with which an answer came before stays as it is: it was this request that did not go with it.
        """
        if self._by_method.get(method) is form:
            return
        changes = {
            name: value for name, value in form.changed(base).items() if not self.proved(name, getattr(base, name))
        }
        sent = ["limit_name", "temperature", "seed", "turns"]
        sent += ["top_logprobs", "in_writing"] if method == "graded" else ["schema"]
        self._proved.update((name, getattr(form, name)) for name in sent)
        self.answered = True
        self.form = replace(self.form, **changes)
        if form == self.form:
            told = self._by_method.get(method) == form
            self.form = self._by_method[method] = form
            if not told:
                self._tell(form, method, why)


def say_form(name: str, model: str, form: Form, method: str, why: str) -> None:
    """Tell the person at the terminal in which form *name* is asked."""
    told = in_words(form, method, model)
    event("form", endpoint=name, model=model, method=method, form=told, why=why)
    say(f"{name}: {told}{f' ({why})' if why else ''}")


async def answer_in_some_form(settled: Settled, method: str, send: Send) -> Answer | Trouble:
    """Ask in the form that was settled on, and where a part of it is refused, in others until there is an answer.

    From then on all requests are sent in the form that got an answer; those under way take it over when they are
    refused. None of that counts as a try of the request's.

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
        elif isinstance(said, Answer):
            if said.status == "out-of-scale" and by(form) == method == "graded":
                if settled.proved("in_writing", False):
                    return said
                # no answer was read yet: it may be that this server never begins with the grade
                settled.astray()
                form, why = replace(form, in_writing=True), "its answers do not begin with the grade"
                unread, sure = said, False
                continue
            if unread is not None and said.status != "ok":
                return replace(unread, method=by(form)) if said.status == "unparsed" else said
            settled.settle(said, form, base, by(form), why, sure=sure)
            return said
        elif said.refused is None:
            return said
        elif settled.form != base:
            # another request found a form meanwhile
            base = form = settled.form
        elif (changed := next_form(said.refused, form, by(form))) is not None:
            form = changed
        elif is_vague(said) and named_part(said.refused, form, by(form)) is None and not settled.answered:
            return await _probed(settled, form, by, send, said)
        else:
            return said
    return Trouble("pair", Answer("rejected", by(form), detail="the server took no form of the request"))


def is_vague(trouble: Trouble) -> bool:
    """Whether a server refuses without a reason; a router that finds nobody who takes all parts gives none either."""
    problem = trouble.refused
    rejected = trouble.kind == "pair" and trouble.answer.status == "rejected"
    return rejected or (problem is not None and problem.status == 404 and "parameter" in problem.text)


async def _probed(
    settled: Settled, form: Form, by: Callable[[Form], str], send: Send, refused: Trouble
) -> Answer | Trouble:
    """Leave out one part after the other until there is an answer; one request does so, the others wait for it."""
    async with settled.probing:
        tried = [settled.form]
        if not settled.answered and settled.form == form:
            if settled.probed >= MOST_PROBES:
                return refused
            settled.probed += 1
            tried = list(simpler_forms(form, by(form)))
        for simpler in tried:
            said = await send(simpler, by(simpler))
            if isinstance(said, Answer):
                settled.learn(simpler, form, by(simpler))
            if isinstance(said, Answer) or (isinstance(said, Trouble) and said.refused is None):
                return said
    return refused
