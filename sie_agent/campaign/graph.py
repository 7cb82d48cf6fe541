"""The steps of a campaign as a LangGraph graph, checkpointed in SQLite: killed anywhere, it goes on from the last step.

Each step is a node that gets the whole state and gives what changes in it; ``next`` names the step that follows. The
checkpoint of a step is written before the next one begins. States are plain numbers, texts, lists and mappings:
nothing else is read from a checkpoint, and no pickle.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypedDict

from sie_agent.errors import EnvironmentFailure, InputError
from sie_agent.files.writing import write_failure
from sie_agent.utils.extras import require_extra

THREAD = "campaign"
END_STEP = "end"
# steps of the longest campaign: two for every batch, and batches double
MOST_STEPS = 500
HINT = "Give another --out, or --overwrite to begin again."


class CampaignState(TypedDict, total=False):
    """What a campaign knows between two steps.

    Attributes
    ----------
    next : the step that follows. figures : by name, what was found. journal : the entries.
    spending : of each step, money, judgments and seconds. lost : by attempt that was killed, USD and seconds.
    answers : what the answers kept so far cost.
    wants : what an approval or people's grades are asked for.
    """

    next: str
    figures: dict[str, Any]
    journal: list[dict[str, Any]]
    spending: list[dict[str, Any]]
    lost: dict[str, dict[str, float]]
    answers: dict[str, Any]
    wants: dict[str, Any]


Step = Callable[[CampaignState], CampaignState]


class CampaignGraph:
    """A campaign that can be advanced until it ends, or waits for somebody."""

    def __init__(self, graph: Any, path: Path) -> None:
        self._graph, self._path = graph, path
        self._config = {"configurable": {"thread_id": THREAD}, "recursion_limit": MOST_STEPS}

    def _snapshot(self) -> Any:
        """The last checkpoint.

        Raises
        ------
        InputError : it holds something else than plain values.
        """
        try:
            return self._graph.get_state(self._config)
        except (NotImplementedError, ValueError, TypeError, KeyError) as error:
            problem = f"is no file of checkpoints of a campaign ({type(error).__name__})"
            raise InputError(problem, where=self._path, hint=HINT) from error

    def state(self) -> CampaignState:
        """The state at the last checkpoint; empty before the first step."""
        values: CampaignState = self._snapshot().values
        return values

    def waits_for(self) -> dict[str, Any] | None:
        """What the campaign waits for; None where it does not wait."""
        interrupts = [one for task in self._snapshot().tasks for one in task.interrupts]
        return dict(interrupts[0].value) if interrupts else None

    def ended(self) -> bool:
        """Whether all is done."""
        snapshot = self._snapshot()
        return bool(snapshot.values) and not snapshot.next

    def advance(self, first: CampaignState, answer: Any = None) -> None:
        """Go on until the end, or until the campaign waits.

        Parameters
        ----------
        first : the state of a campaign that has not begun. answer : to what it waits for; None to leave it waiting.
        """
        from langgraph.types import Command

        if self.ended() or (self.waits_for() is not None and answer is None):
            return
        given: Any = None if self.state() else first
        if self.waits_for() is not None:
            given = Command(resume=answer)
        self._graph.invoke(given, self._config, durability="sync")


def check_installed_graph() -> None:
    """Raise before anything is done where LangGraph or its checkpointer is missing.

    Raises
    ------
    MissingExtraError : names the package and the extra.
    """
    require_extra("agent", "langgraph", "langgraph.checkpoint.sqlite")


@contextmanager
def opened_graph(path: Path, steps: Mapping[str, Step]) -> Iterator[CampaignGraph]:
    """The graph of some steps, with its checkpoints in a file.

    Raises
    ------
    InputError : the file is no database of checkpoints. EnvironmentFailure : it cannot be opened or written.
    MissingExtraError : LangGraph or its checkpointer is not installed.
    """
    check_installed_graph()
    from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
    from langgraph.checkpoint.sqlite import SqliteSaver
    from langgraph.graph import END, StateGraph

    graph: Any = StateGraph(CampaignState)
    # a name of a key of the state cannot be that of a node
    ways: dict[Any, str] = {name: f"do-{name}" for name in steps} | {END_STEP: END}
    for name, step in steps.items():
        graph.add_node(ways[name], step)
        graph.add_conditional_edges(ways[name], lambda state: state["next"], ways)
    graph.set_conditional_entry_point(lambda state: state["next"], ways)
    serde = JsonPlusSerializer(pickle_fallback=False, allowed_msgpack_modules=None, allowed_json_modules=None)
    try:
        with closing(sqlite3.connect(path, check_same_thread=False)) as connection:
            connection.execute("PRAGMA trusted_schema = OFF")
            saver = SqliteSaver(connection, serde=serde)
            saver.setup()
            yield CampaignGraph(graph.compile(checkpointer=saver), path)
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            raise EnvironmentFailure(f"the checkpoints cannot be read or written ({error})", where=path) from error
        raise InputError(f"is no file of checkpoints of a campaign ({error})", where=path, hint=HINT) from error
    except OSError as error:
        raise write_failure(error, path) from error
