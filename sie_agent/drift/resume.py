"""Saves the drift watch's state and resumes from it after a restart."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from dataclasses import asdict
from itertools import count
from pathlib import Path
from typing import Any

import numpy.typing as npt

from sie_agent.drift.adjustment import Adjustment, name_of
from sie_agent.drift.levels import Standing
from sie_agent.drift.state_file import SavedState, SavedWindow, UnusableState, read_state, write_state
from sie_agent.drift.window import DriftWindow, EventBatch, Reference
from sie_agent.errors import EnvironmentFailure

# the command line shows a library's log, but not its warnings
logger = logging.getLogger("sie_agent.serving")
RESTORED = ("started", "events", "ranks", "overall", "streams", "numbers", "standings")


def save_adjustment(adjustment: Adjustment, path: Path) -> None:
    """Write the state to a JSON file, atomically.

    Raises
    ------
    EnvironmentFailure : it cannot be written.
    """
    write_state(Path(path), content_of(adjustment))


def resume_adjustment(path: Path, fresh: Adjustment) -> Adjustment:
    """Continue from a saved file: *fresh* with the file's state, or unchanged if there is no file.

    A file that is damaged, or of another version, another scorer or other settings, is kept as FILE.bad (FILE.2.bad
    where that name is taken, and so on), and a warning is logged.

    Raises
    ------
    EnvironmentFailure : the file exists and cannot be read, or cannot be kept under another name.
    """
    try:
        found = restored(read_state(Path(path)), fresh)
    except FileNotFoundError:
        return fresh
    except OSError as error:
        raise EnvironmentFailure(
            f"cannot read the state of the adjustment ({error.strerror})", where=path, hint="Change its permissions."
        ) from error
    except UnusableState as error:
        set_aside(path, str(error))
    except (ValueError, OverflowError, RecursionError):
        set_aside(path, "is damaged")
    else:
        for name in RESTORED:
            setattr(fresh, name, getattr(found, name))
    return fresh


def set_aside(path: Path, why: str) -> None:
    """Log why the file is not used and rename it, since the next save would overwrite it."""
    aside = Path(f"{path}.bad")
    try:
        aside = reserved(path)
        try:
            os.replace(path, aside)
        except OSError:
            aside.unlink()
            raise
    except OSError as error:
        raise EnvironmentFailure(
            f"the state of the adjustment {why}, and cannot be kept as {aside.name} ({error.strerror})",
            where=path,
            hint="Move it away, or give another file.",
        ) from error
    logger.warning("%s: the state of the adjustment %s; it starts afresh. The old file is kept as %s", path, why, aside)


def reserved(path: Path) -> Path:
    """A new, empty file FILE.bad, or FILE.2.bad and so on if that name is taken; never an existing file.

    Raises
    ------
    OSError : it cannot be made.
    """
    for number in count(1):
        aside = Path(f"{path}.bad" if number == 1 else f"{path}.{number}.bad")
        try:
            aside.touch(exist_ok=False)
        except FileExistsError:
            continue
        return aside
    raise AssertionError("the numbers have no end")


def fingerprints(adjustment: Adjustment) -> tuple[str, str]:
    """SHA-256 over baselines and settings, as written now and as written when settings were spelt ``distil_…``.

    The windows of one scorer mean nothing for another. The order of the weak labels counts, since arrays follow it; the
    strength of weights does not, since no window depends on it.
    """
    baselines = {"": adjustment.baseline, **adjustment.department_baseline}
    quantiles = {name: {label: q.tolist() for label, q in known.items()} for name, known in baselines.items()}
    settings = {name: value for name, value in asdict(adjustment.settings).items() if name != "strength"}
    counts = [adjustment.baseline_events, adjustment.department_events]
    text = json.dumps([list(adjustment.labels), quantiles, settings, counts], sort_keys=True)
    before = text.replace('"distill_', '"distil_')
    return hashlib.sha256(text.encode()).hexdigest(), hashlib.sha256(before.encode()).hexdigest()


def content_of(adjustment: Adjustment) -> dict[str, Any]:
    """The content of the file, with all pending events counted; safe to write from another thread.

    Arrays that are replaced and never changed are not copied, all others are.
    """
    return adjustment.held(
        lambda: {
            "made_for": fingerprints(adjustment)[0],
            "started": adjustment.started,
            "events": adjustment.events,
            "ranks": [[ranks.kept.copy(), ranks.place] for ranks in adjustment.ranks.values()],
            "overall": window_content(adjustment.overall),
            "departments": [
                [name, adjustment.numbers[name], window_content(window)] for name, window in adjustment.streams.items()
            ],
            "standings": [[*figure, standing.saved()] for figure, standing in adjustment.standings.items()],
        }
    )


def window_content(window: DriftWindow) -> dict[str, Any]:
    """The state of one window, arrays included."""
    warm = EventBatch.joined(window.warm or [window.nothing()])
    return {
        "events": window.events,
        "segment": window.segment,
        "filled": window.filled,
        "live": window.live.copy(),
        "sums": window.sums.copy(),
        "base_sums": window.base_sums,
        "warm": [warm.values, warm.labels, warm.groups],
        "references": {name: dict(vars(reference)) for name, reference in window.references.items()},
    }


def restored(saved: SavedState, fresh: Adjustment) -> Adjustment:
    """An adjustment for the scorer and the settings of *fresh*, with what was saved.

    Raises
    ------
    UnusableState : it was saved for another scorer or other settings. ValueError : it is damaged.
    """
    if saved.made_for not in fingerprints(fresh):
        raise UnusableState("is of another scorer or other settings")
    found = Adjustment(
        fresh.baseline,
        departments=fresh.department_baseline,
        baseline_events=fresh.baseline_events,
        department_events=fresh.department_events,
        settings=fresh.settings,
    )
    found.started, found.events = saved.started, saved.events
    for ranks, (kept, place) in zip(found.ranks.values(), saved.ranks, strict=True):
        if not 0 <= place < len(ranks.kept):
            raise ValueError("place outside the window")
        ranks.kept, ranks.place = of_shape(kept, ranks.kept.shape), place
        ranks.refresh()
    fill(found.overall, saved.overall)
    numbers = {}
    for name, number, window in saved.departments:
        if name_of(name) != name or found.add_department(name) != name:
            raise ValueError("too many departments")
        fill(found.streams[name], window)
        numbers[name] = number
    if sorted(numbers.values()) != sorted(found.numbers.values()):
        raise ValueError("wrong numbers of departments")
    if any(len(standing.model_fields_set) < len(Standing.model_fields) for _, _, standing in saved.standings):
        raise ValueError("incomplete standing")
    found.numbers = numbers
    found.standings = {(department, name): standing for department, name, standing in saved.standings}
    return found


def fill(window: DriftWindow, saved: SavedWindow) -> None:
    """Restore the saved state of an empty window; ValueError if it does not fit."""
    warm = EventBatch(*saved.warm)
    if warm.values.shape != (len(window.measures), len(warm.labels)) or warm.groups.shape != warm.labels.shape:
        raise ValueError("wrong rows of the warm-up")
    window.live = of_shape(saved.live, window.live.shape)
    window.sums = of_shape(saved.sums, window.sums.shape)
    window.base_sums = None if saved.base_sums is None else of_shape(saved.base_sums, window.sums.shape[1:])
    window.warm = [warm] if len(warm.labels) else []
    window.events, window.segment, window.filled = saved.events, saved.segment, saved.filled
    if not (0 <= window.segment < len(window.live) and 0 <= window.filled < window.step and window.room() > 0):
        raise ValueError("place outside the window")
    if not saved.references.keys() <= set(window.measures):
        raise ValueError("unknown measure")
    window.references.update({name: Reference(**vars(reference)) for name, reference in saved.references.items()})


def of_shape(array: npt.NDArray[Any], shape: tuple[int, ...]) -> npt.NDArray[Any]:
    """The array; ValueError unless it has this shape."""
    if array.shape != shape:
        raise ValueError(f"expected an array of shape {shape}, found {array.shape}")
    return array
