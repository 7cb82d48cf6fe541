"""The graph: assess, choose, look up, judge, decide, escalate, hand over; one for a fixed order and for a model's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypedDict

from sie_agent.agent.cases import Case
from sie_agent.agent.nodes import Nodes
from sie_agent.agent.spans import node_span
from sie_agent.utils.extras import require_extra

NODES = ("assess", "choose", "look_up", "judge", "decide", "escalate", "hand_over")
# what the pairs of a wave wait for, the first that any waits for comes next; one that chooses again comes before those
# that are escalated, so that these are asked together
TURNS = ("choose", "look_up", "judge", "decide", "escalate", "hand_over")
# steps of a wave: no pair gets so far, because each round looks something up that was not before
MOST_STEPS = 1000


class Wave(TypedDict):
    """The state of the graph: the pairs that go through it together."""

    cases: list[Case]


def compiled_graph(nodes: Nodes) -> Any:
    """The LangGraph graph over a wave of pairs.

    Raises
    ------
    MissingExtraError : LangGraph is not installed.
    """
    require_extra("agent", "langgraph")
    from langgraph.graph import END, START, StateGraph

    graph = StateGraph(Wave)
    for name in NODES:
        node: Any = step(name, getattr(nodes, name))
        graph.add_node(name, node)

    def turn(state: Wave) -> str:
        waiting = {case.next for case in state["cases"]}
        return next((name for name in TURNS if name in waiting), END)

    graph.add_edge(START, "assess")
    for name in NODES:
        graph.add_conditional_edges(name, turn, [*TURNS, END])
    return graph.compile()


def step(name: str, work: Callable[[Sequence[Case]], None]) -> Callable[[Wave], Wave]:
    """A node: its work for the pairs that wait for it; all of them are assessed."""

    def node(state: Wave) -> Wave:
        waiting = [case for case in state["cases"] if name == "assess" or case.next == name]
        with node_span(name, len(waiting)):
            work(waiting)
        return state

    return node
