"""The nodes of the graph: each works for all pairs of a wave that wait for it, so that questions go together."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sie_agent.agent.asking import Asker, Level, step_of
from sie_agent.agent.assessing import uncertainty_of
from sie_agent.agent.cases import Case
from sie_agent.agent.settings import PROFILE_VARIANT, AgentSettings
from sie_agent.agent.shelf import Shelf, cleaned
from sie_agent.agent.tools import TOOLS, Tool
from sie_agent.judging import AGENT, ENOUGH, Backend, Variant, chosen_tool, load_variant

PROFILE_CHARS = 400
# of one tool
ANSWER_CHARS = 1200


@dataclass
class Nodes:
    """What the nodes work with.

    Attributes
    ----------
    settings, shelf, asker : as their classes say. tools : those that may be used.
    levels : the judge, then the stronger ones.
    settle : a pair is settled at this uncertainty or below.
    chooser : who chooses the tools, and how it is asked; None for the fixed order.
    """

    settings: AgentSettings
    shelf: Shelf
    asker: Asker
    tools: Sequence[Tool]
    levels: Sequence[Level]
    settle: float
    chooser: tuple[Backend, Variant] | None = None
    _profiles: dict[tuple[str, ...], dict[str, Any]] = field(default_factory=dict)

    def assess(self, cases: Sequence[Case]) -> None:
        """Write down how sure the one-pass judge was."""
        for case in cases:
            told = case.one_pass
            why = f"uncertainty {case.uncertainty:.3f}, which counts as settled ({self.settle:.3f} or less)"
            facts = {name: told[name] for name in ("variant", "model", "score", "entropy", "status")}
            case.note("assess", score_before=told["score"], why=why, **facts)

    def choose(self, cases: Sequence[Case]) -> None:
        """Say what to look up next: by the fixed order, or as the model wants."""
        for case in cases:
            case.picks = self._in_order(case)
        wanting = [case for case in cases if case.picks]
        if self.chooser is not None and wanting:
            self._ask_for_tools(wanting, *self.chooser)
        for case in cases:
            if case.next != "choose":
                continue
            if self.chooser is None or not case.picks:
                names = [name for name, _ in case.picks]
                case.note("choose", arguments={"tools": names}, why="" if names else "nothing is left to look up")
            case.next = "look_up" if case.picks else "decide"
            case.enough = case.enough or not case.picks

    def _in_order(self, case: Case) -> list[tuple[str, str]]:
        """What the fixed order looks up next: all that costs nothing, then what asks, one by one."""
        looked_up = {name for name, _ in case.used}
        left = [tool for tool in self.tools if tool.name not in looked_up]
        free = [tool for tool in left if not tool.asks]
        return [(tool.name, "") for tool in (free or left[:1])]

    def _ask_for_tools(self, cases: Sequence[Case], backend: Backend, variant: Variant) -> None:
        """Let the model choose; where its choice cannot be used, the first of the fixed order stands in."""
        answers = self.asker.ask(cases, variant, backend, [shown(case) for case in cases])
        for case, answer in zip(cases, answers, strict=True):
            if answer is None or answer["status"] == "not-asked":
                case.note("choose", why=case.why)
                continue
            why, picked = "", case.picks[:1]
            name, words = "", ""
            if answer["status"] != "ok":
                why = f"no choice ({answer['detail'] or answer['status']}): the fixed order instead"
            else:
                name, words = chosen_tool(variant, float(answer["score"]), str(answer["detail"]))
                if name == ENOUGH:
                    case.enough, picked, why = True, [], "the model wants nothing more"
                elif (name, words) in case.used or (
                    not TOOLS[name].takes_words and name in {one for one, _ in case.used}
                ):
                    why = f"{name} was looked up before: the fixed order instead"
                else:
                    picked = [(name, words if TOOLS[name].takes_words else "")]
            case.picks = picked
            given = {"words": words} if words else {}
            case.note("choose", tool=name, arguments=given, why=why, **step_of(answer))

    def look_up(self, cases: Sequence[Case]) -> None:
        """Look up what was chosen; what brings nothing new needs no judging."""
        before = {id(case): len(case.evidence) for case in cases}
        asking = [case for case in cases if any(TOOLS[name].asks for name, _ in case.picks)]
        for case in cases:
            for name, words in case.picks:
                look = TOOLS[name].look_up
                if look is not None:
                    started = time.perf_counter()
                    lines = bounded(look(self.shelf, case.row, words))
                    self._found(case, name, words, lines, seconds=time.perf_counter() - started)
        if asking:
            self._ask_for_profiles(asking)
        for case in cases:
            if case.next:
                case.next = "judge" if len(case.evidence) > before[id(case)] else "choose"

    def _found(self, case: Case, name: str, words: str, lines: Sequence[str], **more: Any) -> None:
        case.used.add((name, words))
        fresh = [line for line in lines if line not in case.evidence]
        case.evidence += fresh
        why = more.pop("why", "" if fresh else "nothing new")
        given = {"words": words} if words else {}
        case.note("look_up", tool=name, arguments=given, evidence="\n".join(fresh), why=why, **more)

    def _ask_for_profiles(self, cases: Sequence[Case]) -> None:
        """What the items are; the first case of an item asks, the others read."""
        variant = profile_variant()
        asked: set[int] = set()
        # where the case that was to ask meets a limit, the next of its item asks
        while asking := self._first_of_items(cases):
            answers = self.asker.ask(asking, variant, self.levels[0].backend, [case.row for case in asking])
            for case, answer in zip(asking, answers, strict=True):
                if answer is not None and answer["status"] != "not-asked":
                    self._profiles[item_of(case)] = answer
                    asked.add(id(case))
        for case in cases:
            answer = self._profiles.get(item_of(case))
            if answer is None:
                case.note("look_up", tool="profile", why=case.why)
                continue
            ok = answer["status"] == "ok"
            line = f"item: {cleaned(answer['detail'], PROFILE_CHARS)}" if ok else ""
            why = "" if ok else f"no profile ({answer['status']})"
            told = step_of(answer) if id(case) in asked else {"why": why or "asked for another pair of the item"}
            self._found(case, "profile", "", [line] if line else [], **{"why": why, **told})

    def _first_of_items(self, cases: Sequence[Case]) -> list[Case]:
        """For each item without a profile, the first case that may ask for it."""
        first: dict[tuple[str, ...], Case] = {}
        for case in cases:
            if case.next and item_of(case) not in self._profiles:
                first.setdefault(item_of(case), case)
        return list(first.values())

    def judge(self, cases: Sequence[Case]) -> None:
        """Ask again with the evidence."""
        self._judge(cases, "judge")

    def escalate(self, cases: Sequence[Case]) -> None:
        """Ask the next stronger judge."""
        for case in cases:
            case.level += 1
        self._judge(cases, "escalate")

    def _judge(self, cases: Sequence[Case], node: str) -> None:
        for number, level in enumerate(self.levels):
            here = [case for case in cases if case.level == number]
            if not here:
                continue
            answers = self.asker.ask(here, level.variant, level.backend, [shown(case) for case in here])
            for case, answer in zip(here, answers, strict=True):
                self._take(case, node, answer, level)

    def _take(self, case: Case, node: str, answer: dict[str, Any] | None, level: Level) -> None:
        before = case.score
        if answer is None or answer["status"] == "not-asked":
            case.note(node, score_before=before, why=case.why, status="not-asked", variant=level.variant.name)
            return
        case.status = str(answer["status"])
        if case.status == "ok" and math.isfinite(answer["score"]):
            case.judged = {**answer, "variant": f"{answer['variant']}{AGENT}"}
            case.uncertainty = uncertainty_of(answer)
        scores = {"score_before": before, "score": answer["score"], "entropy": answer["entropy"]}
        why = "" if case.status == "ok" else str(answer["detail"])
        evidence = "\n".join(case.evidence)
        case.note(
            node, evidence=evidence, why=why, **scores, **{**step_of(answer), "variant": f"{answer['variant']}{AGENT}"}
        )
        if node == "judge" or case.next:
            case.next = "decide"

    def decide(self, cases: Sequence[Case]) -> None:
        """Stop where it is settled; else look further, ask a stronger judge, or hand it to people."""
        for case in cases:
            step = self._decision(case)
            case.next = step if step in ("choose", "escalate", "hand_over") else ""
            if not case.next:
                case.why = step
            case.note("decide", score=case.score, status=case.status, why=case.why or case.next)

    def _decision(self, case: Case) -> str:
        """The next node, or why nothing more is done."""
        sure = case.judged is not None and case.status == "ok" and case.uncertainty <= self.settle
        if sure:
            return f"settled: uncertainty {case.uncertainty:.3f}"
        if case.status in ("ok", "") and not case.enough and self._in_order(case):
            return "choose"
        if case.level + 1 < len(self.levels):
            return "escalate"
        if self.settings.hand_over is not None and case.uncertainty > self.settings.hand_over:
            return "hand_over"
        if case.status not in ("ok", ""):
            return f"no judgment with evidence: {case.status}"
        return f"still unsure: uncertainty {case.uncertainty:.3f}" if case.judged else "nothing was found"

    def hand_over(self, cases: Sequence[Case]) -> None:
        """What is still unsure is for people to grade."""
        for case in cases:
            case.handed = True
            case.finish(f"handed to people: uncertainty {case.uncertainty:.3f}")
            case.note("hand_over", score=case.score, why=case.why)


def profile_variant() -> Variant:
    """The variant that asks what an item is, once for each row that it is given."""
    return load_variant(PROFILE_VARIANT).model_copy(update={"aspect": "relevance"})


def item_of(case: Case) -> tuple[str, ...]:
    """What makes an item another one: its texts."""
    return tuple(str(case.row.get(name, "")) for name in ("title", "description", "attributes"))


def shown(case: Case) -> dict[str, Any]:
    """The row with its evidence."""
    return {**case.row, "evidence": "\n".join(case.evidence)}


def bounded(lines: Sequence[str]) -> list[str]:
    """As many lines as a tool may answer."""
    kept: list[str] = []
    left = ANSWER_CHARS
    for line in lines:
        left -= len(line)
        if left < 0:
            break
        kept.append(line)
    return kept
