"""Actions at the end of a verb, which depend on whether it succeeded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_actions: ContextVar[list[Callable[[bool], None]] | None] = ContextVar("actions", default=None)


@contextmanager
def finishing() -> Iterator[None]:
    """Run the actions given to :func:`when_done` once the body has ended, however it ends."""
    actions: list[Callable[[bool], None]] = []
    token = _actions.set(actions)
    try:
        yield
    except BaseException:
        for action in actions:
            action(False)
        raise
    else:
        for action in actions:
            action(True)
    finally:
        _actions.reset(token)


def when_done(action: Callable[[bool], None]) -> None:
    """Call *action* with whether the work was finished: when the verb ends, or at once where no verb runs."""
    actions = _actions.get()
    if actions is None:
        action(True)
    else:
        actions.append(action)
