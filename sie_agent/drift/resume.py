"""Keep what the adjustment knows over a restart."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from sie_agent.drift.adjustment import Adjustment, name_of
from sie_agent.drift.file import OtherFormat, read_state, unpacked, write_state
from sie_agent.drift.levels import Standing
from sie_agent.drift.stream import Reference, Rows, Stream
from sie_agent.errors import EnvironmentFailure

# a library's warnings are not shown by the command line, its log is
logger = logging.getLogger("sie_agent.serving")


def save_adjustment(adjustment: Adjustment, path: Path) -> None:
    """Write what is known to a JSON file, in one step.

    Raises
    ------
    EnvironmentFailure : it cannot be written.
    """
    write_state(Path(path), content_of(adjustment))


def resume_adjustment(path: Path, fresh: Adjustment) -> Adjustment:
    """Go on from a saved file: *fresh* with what the file knows, or as it is where there is none.

    A file that is damaged, or of another version, another scorer or other settings, is kept as FILE.bad (FILE.2.bad
    where that name is taken, and so on), and the log has a warning.

    Raises
    ------
    EnvironmentFailure : the file is there and the system does not let it be read, or not be kept under another name.
    """
    try:
        content = read_state(Path(path))
    except FileNotFoundError:
        return fresh
    except OSError as error:
        raise EnvironmentFailure(
            f"cannot read the state of the adjustment ({error.strerror})", where=path, hint="Change its permissions."
        ) from error
    except OtherFormat:
        return started_afresh(path, "is of another version", fresh)
    except (ValueError, RecursionError):
        return started_afresh(path, "is damaged", fresh)
    if content.get("made_for") != made_for(fresh):
        return started_afresh(path, "is of another scorer or other settings", fresh)
    try:
        parts = parts_of(content, fresh)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError):
        return started_afresh(path, "is damaged", fresh)
    for name, value in parts.items():
        setattr(fresh, name, value)
    for label, kept, place in zip(fresh.labels, *ring_parts(content, fresh), strict=True):
        fresh.ranks[label].kept, fresh.ranks[label].place = kept, place
        fresh.ranks[label].refresh()
    return fresh


def started_afresh(path: Path, why: str, fresh: Adjustment) -> Adjustment:
    """Say why a file is not gone on from, and keep it: the next saving would replace it."""
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
    return fresh


def reserved(path: Path) -> Path:
    """An empty file FILE.bad, or FILE.2.bad and so on where that name is taken: made here, so nobody's is gone over.

    Raises
    ------
    OSError : the system does not let it be made.
    """
    for number in count(1):
        aside = Path(f"{path}.bad" if number == 1 else f"{path}.{number}.bad")
        try:
            aside.touch(exist_ok=False)
        except FileExistsError:
            continue
        return aside
    raise AssertionError("the numbers have no end")


def made_for(adjustment: Adjustment) -> str:
    """Fingerprint of baselines and settings: windows of one scorer mean nothing for another.

    The order of the weak labels counts, since arrays are in it. The strength of weights does not: no window knows it.
    """
    baselines = {"": adjustment.baseline, **adjustment.department_baseline}
    told = {name: {label: q.tolist() for label, q in known.items()} for name, known in baselines.items()}
    settings = {name: value for name, value in adjustment.settings.as_dict().items() if name != "strength"}
    counts = [adjustment.baseline_events, adjustment.department_events]
    text = json.dumps([list(adjustment.labels), told, settings, counts], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def content_of(adjustment: Adjustment) -> dict[str, Any]:
    """What is written, with everything taken in that waits: copies, so that it can be written at leisure."""
    return adjustment.held(lambda: copied(adjustment))


def copied(adjustment: Adjustment) -> dict[str, Any]:
    """The content; arrays that are replaced and never changed are not copied."""
    return {
        "made_for": made_for(adjustment),
        "started": adjustment.started,
        "events": adjustment.events,
        "ranks": [[window.kept.copy(), window.place] for window in adjustment.ranks.values()],
        "overall": stream_content(adjustment.overall),
        "departments": [
            [name, adjustment.numbers[name], stream_content(stream)] for name, stream in adjustment.streams.items()
        ],
        "standings": [
            [department, name, standing.saved()] for department, name, standing in adjustment.named_standings()
        ],
    }


def stream_content(stream: Stream) -> dict[str, Any]:
    """One stream, its arrays as they are."""
    warm = stream.warm or [stream.nothing()]
    return {
        "events": stream.events,
        "segment": stream.segment,
        "filled": stream.filled,
        "live": stream.live.copy(),
        "sums": stream.sums.copy(),
        "base_sums": stream.base_sums,
        "warm": [
            np.concatenate([part.values for part in warm], axis=1),
            np.concatenate([part.labels for part in warm]),
            np.concatenate([part.groups for part in warm]),
        ],
        "references": {
            name: {
                "edges": reference.edges,
                "expected": reference.expected,
                "counts": reference.counts,
                "bin_of": reference.bin_of,
            }
            for name, reference in stream.references.items()
        },
    }


def parts_of(content: Mapping[str, Any], fresh: Adjustment) -> dict[str, Any]:
    """The attributes of an adjustment, from a file's content; *fresh* gives shapes.

    Raises
    ------
    ValueError, KeyError, TypeError, AttributeError, IndexError : the content is damaged.
    """
    ring_parts(content, fresh)
    template = Adjustment(
        fresh.baseline,
        departments=fresh.department_baseline,
        department_events=fresh.department_events,
        settings=fresh.settings,
    )
    streams, numbers = {}, {}
    for name, number, saved in content["departments"]:
        if name_of(name) != name or template.add_department(name) != name:
            raise ValueError("too many departments")
        streams[name] = filled_stream(template.streams[name], saved)
        numbers[name] = int(number)
    if sorted(numbers.values()) != sorted(template.numbers.values()):
        raise ValueError("numbers of departments")
    return {
        "started": str(content["started"]),
        "events": int(content["events"]),
        "overall": filled_stream(fresh.overall_template(), content["overall"]),
        "streams": streams,
        "numbers": numbers,
        "standings": {
            (None if department is None else str(department), str(name)): Standing.restored(saved)
            for department, name, saved in content["standings"]
        },
    }


def ring_parts(content: Mapping[str, Any], fresh: Adjustment) -> tuple[list[Any], list[int]]:
    """The latest scores of each weak label, and the place of the next one."""
    kept, places = [], []
    for window, (saved, place) in zip(fresh.ranks.values(), content["ranks"], strict=True):
        kept.append(unpacked(saved, window.kept.shape))
        if not 0 <= int(place) < len(window.kept):
            raise ValueError("place outside of the window")
        places.append(int(place))
    return kept, places


def filled_stream(empty: Stream, saved: Mapping[str, Any]) -> Stream:
    """A stream with what was saved of it."""
    values, labels, groups = (unpacked(part) for part in saved["warm"])
    if values.shape != (len(empty.measures), len(labels)) or groups.shape != labels.shape:
        raise ValueError("rows of the warm-up")
    empty.live = unpacked(saved["live"], empty.live.shape)
    empty.sums = unpacked(saved["sums"], empty.sums.shape)
    if saved["base_sums"] is not None:
        empty.base_sums = unpacked(saved["base_sums"], empty.sums.shape[1:])
    empty.warm = [Rows(values, labels, groups)] if len(labels) else []
    empty.events, empty.segment, empty.filled = (int(saved[key]) for key in ("events", "segment", "filled"))
    if not (0 <= empty.segment < len(empty.live) and 0 <= empty.filled < empty.step and empty.room() > 0):
        raise ValueError("place outside of the window")
    for name, known in saved["references"].items():
        if name not in empty.measures:
            raise ValueError("a measure that is not kept")
        bin_of = None if known["bin_of"] is None else unpacked(known["bin_of"])
        edges, expected, counts = (unpacked(known[key]) for key in ("edges", "expected", "counts"))
        empty.references[name] = Reference(edges, expected, counts, bin_of)
    return empty
