"""The paths of a suite: where they count from, and the copies that a run folder keeps of what they lead to."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sie_agent.calibration import FITS
from sie_agent.errors import EnvironmentFailure, InputError
from sie_agent.files.file_kinds import meant
from sie_agent.files.paths import suites_dir, user_path
from sie_agent.files.small_files import refuse_no_file
from sie_agent.judging import find_variant, load_endpoints, variant_name
from sie_agent.samples import SHORTHANDS, find_column_map, is_generated, ready_maps
from sie_agent.suite.parts import CLARITY_VARIANT
from sie_agent.utils.progress import say

if TYPE_CHECKING:
    from sie_agent.suite.settings import Suite

# in a run folder
INPUTS = "inputs"
# kinds of judges whose model may be a folder
OF_FOLDERS = ("local", "embedding", "vllm")
VARIANT_ENDINGS = (".yaml", ".yml")
ENDINGS = (".yaml", ".yml", ".json", ".parquet", ".csv", ".tsv", ".jsonl", ".gz", ".zst")


def find_suite(source: str | Path) -> Path:
    """The file of a suite.

    Raises
    ------
    InputError : neither a file nor a suite that ships.
    """
    path = user_path(source)
    if path.is_file():
        return path
    shipped = {found.stem: found for found in sorted(suites_dir().glob("*.yaml"))}
    if str(source) in shipped:
        return shipped[str(source)]
    refuse_no_file(path, "a suite in YAML")
    raise InputError(
        f"no such suite{meant(path, list(shipped), VARIANT_ENDINGS)}",
        where=source,
        hint=f"Give a YAML file, or one of: {', '.join(shipped) or 'none ship'}.",
    )


def places_of(content: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Every place of a suite's content that may hold a path: its dotted key, the mapping, and the key in that."""
    data = content.get("data")
    if isinstance(data, dict):
        source, chosen = data.get("source"), data.get("map")
        if source not in SHORTHANDS and not is_generated(str(source)):
            yield "data.source", data, "source"
        if chosen not in ready_maps():
            yield "data.map", data, "map"
        yield "data.grades", data, "grades"
    judges = content.get("judges")
    for number, judge in enumerate(judges if isinstance(judges, list) else ()):
        if isinstance(judge, dict):
            yield f"judges.{number}.variant", judge, "variant"
            yield f"judges.{number}.endpoints", judge, "endpoints"
            if judge.get("calibration") not in FITS:
                yield f"judges.{number}.calibration", judge, "calibration"
            # what a server or a provider calls its model is not a folder
            if judge.get("kind") in OF_FOLDERS:
                yield f"judges.{number}.model", judge, "model"
    labels = content.get("labels")
    proxy = labels.get("proxy") if isinstance(labels, dict) else None
    for name, part in (("target", content.get("target")), ("labels.proxy", proxy)):
        if isinstance(part, dict):
            yield f"{name}.model", part, "model"


def resolve_paths(content: dict[str, Any], suite: Path, *, told: bool = True) -> None:
    """Make paths that count from the suite's folder lead there from the current folder, in place.

    A path that leads nowhere from the suite's folder counts from the current one, as paths did in older versions.

    Parameters
    ----------
    content : of the YAML file *suite*, not checked yet. told : whether to say which paths are of that old kind.
    """
    for key, part, name in places_of(content):
        value = part.get(name)
        if not isinstance(value, str) or not value or user_path(value, key).is_absolute():
            continue
        inside = suite.parent / value
        if not inside.exists() and Path(value).exists():
            if told:
                say(f"{suite}: {key} '{value}' is not in the suite's folder and is taken from the current one")
        elif (inside.exists() or looks_like_path(value)) and inside.resolve() != Path(value).resolve():
            part[name] = str(inside)


def looks_like_path(value: str) -> bool:
    """Whether a text is a path rather than a name or a Hub id."""
    return value.startswith((".", "~")) or value.endswith(ENDINGS)


def read_endpoints(content: dict[str, Any]) -> None:
    """Put the servers of endpoints files that judges name into the suite's content, in place.

    Raises
    ------
    InputError : a file cannot be read, or is wrong.
    """
    judges = content.get("judges")
    for judge in judges if isinstance(judges, list) else ():
        if isinstance(judge, dict) and isinstance(judge.get("endpoints"), str):
            listed = load_endpoints(judge["endpoints"])
            judge["endpoints"] = [one.model_dump(mode="json", exclude_defaults=True) for one in listed.endpoints]
            judge.setdefault("double_judged", listed.double_judged)


def keep_inputs(suite: Suite, folder: Path) -> Suite:
    """Copy the column map and the prompt variants of a suite into a run folder.

    Returns
    -------
    The suite for the run folder's ``suite.yaml``: files of the user's own are named as their copies, relative to the
    run folder; other paths are absolute. What ships with the program keeps its name.

    Raises
    ------
    EnvironmentFailure : a copy cannot be written.
    """
    taken: dict[str, Path] = {}
    data, judges = suite.data, []
    changes: dict[str, Any] = {} if data.grades is None else {"grades": absolute(data.grades)}
    if data.source not in SHORTHANDS and not is_generated(data.source):
        changes["source"] = absolute(data.source)
    if data.map is not None:
        copied = copy_to(find_column_map(data.map), folder, f"maps/{Path(data.map).stem}", taken)
        changes["map"] = data.map if data.map in ready_maps() else copied
    asked = [judge.asks_with for judge in suite.judges_and_baseline if judge.is_asked and judge.asks_with]
    asked += [CLARITY_VARIANT] if suite.labels.clarity == "judge" else []
    found = {variant: find_variant(variant) for variant in dict.fromkeys(asked)}
    # a variant's name, which its place may say, stays
    copies = {one: copy_to(path, folder, f"variants/{variant_name(path)}", taken) for one, path in found.items()}
    for judge in suite.judges:
        own: dict[str, Any] = {}
        if judge.variant is not None and judge.variant.endswith(VARIANT_ENDINGS) and judge.variant in copies:
            own["variant"] = copies[judge.variant]
        if judge.calibration is not None and judge.calibration not in FITS:
            name = f"calibrations/{Path(judge.calibration).stem}"
            own["calibration"] = copy_to(user_path(judge.calibration), folder, name, taken, ".json")
        if judge.model is not None and judge.kind in OF_FOLDERS:
            own["model"] = absolute(judge.model)
        judges.append(judge.model_copy(update=own))
    target = suite.target.model_copy(update={"model": absolute(suite.target.model)})
    return suite.model_copy(update={"data": data.model_copy(update=changes), "judges": tuple(judges), "target": target})


def absolute(value: str) -> str:
    """A path that leads to something here as it leads there from anywhere; what is none stays."""
    path = user_path(value)
    return str(path.resolve()) if value and path.exists() else value


def copy_to(path: Path, folder: Path, name: str, taken: dict[str, Path], ending: str = ".yaml") -> str:
    """Copy a file into the folder ``inputs`` of a run, and give its path there, relative to the run folder.

    Parameters
    ----------
    name : of the copy below ``inputs``, without its ending. taken : what was copied before, by the copies' paths.

    Raises
    ------
    EnvironmentFailure : the copy cannot be written.
    """
    place, number = f"{INPUTS}/{name}{ending}", 1
    while place in taken and not taken[place].samefile(path):
        number += 1
        place = f"{INPUTS}/{name}-{number}{ending}"
    taken[place] = path
    target = folder / place
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if not (target.exists() and target.samefile(path)):
            shutil.copyfile(path, target)
    except OSError as error:
        raise EnvironmentFailure(f"cannot be written ({error.strerror})", where=target) from error
    return place
