"""``sie init``: a commented suite and a column map for someone's own file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sie_agent.commands.verb import OUT_FOLDER, Option, Verb
from sie_agent.utils.values import check_values


def init(
    data: str | Path,
    out: str | Path = ".",
    *,
    column_map: str | Path | None = None,
    split: str | None = None,
    force: bool = False,
) -> dict[str, Any]:
    """Look at your file, guess what its columns are, and write a commented suite and a column map for it.

    What cannot be found is marked TODO in the map (exit code 3). A complete map is tried on the first rows before
    anything is written. Files that `sie init` wrote and nobody edited are rewritten.

    Parameters
    ----------
    data : Your file, folder or Hub id; or sample, generated, homedepot, crowdflower, games.
    out : Folder to write the two files into.
    column_map : A column map that you have; what it lacks is guessed, and goes with it into a map of its own.
    split : only the rows of this split, where there are several.
    force : Overwrite files that you changed.

    Returns
    -------
    ``suite``, ``map`` (path, or None where none was written), ``map_in_use`` (the suite's),
    ``guessed`` (schema column to source column), ``rows``
    (the first three, as the map reads them), ``notes``, ``missing`` (what was not found), ``unmapped`` (source columns
    left over), ``next_out``, ``exit_code`` (3: the map is not complete).

    Raises
    ------
    InputError : the data or the map are wrong, or a file that somebody changed is in the way.
    EnvironmentFailure : *out* cannot be written to.

    Examples
    --------
    >>> import sie_agent as sie
    >>> sie.load_samples("sample", limit=100).drop(columns="history").to_csv("my-log.csv", index=False)
    >>> result = sie.init("my-log.csv", "mine")
    >>> result["suite"], result["map"]
    ('mine/my-log-suite.yaml', 'mine/my-log-map.yaml')
    """
    from sie_agent.commands.init_files import write_guess

    check_values(data=data, column_map=column_map, split=split)
    return write_guess(str(data), out, column_map, split, force=force)


def lines(result: dict[str, Any]) -> list[str]:
    """What was guessed, three rows as they are read, what is open, and what to do next."""
    width = max((len(name) for name in result["guessed"]), default=0)
    told = [f"{name:<{width}}  from {source}" for name, source in result["guessed"].items()]
    for number, row in enumerate(result["rows"], 1):
        told.append(f"Row {number}:")
        told += [f"  {name:<12} {text}" for name, text in row.items()]
    if result["unmapped"]:
        told.append(f"Not mapped: {', '.join(result['unmapped'])}")
    told += result["notes"]
    if result["map"]:
        told.append(f"Column map: {result['map']} (look through it: it is a guess)")
    elif result["map_in_use"]:
        told.append(f"Column map: {result['map_in_use']} (yours, in use as it is)")
    told.append(f"Suite:      {result['suite']}")
    if result["missing"]:
        told.append(f"TODO:       {', '.join(result['missing'])}: no column looks like it; fill it in in the map")
    return [*told, f"Next:       sie run {result['suite']} --out {result['next_out']}"]


VERB = Verb(
    init,
    lines,
    examples=(
        "sie init log.csv",
        "sie init log.parquet --map partial.yaml      what the map lacks is guessed",
        "sie init log.parquet --out suites --force",
    ),
    options={
        "data": Option(
            help="Your file, folder or Hub id; or sample, generated, homedepot, crowdflower, games.", argument=True
        ),
        "column_map": Option(help="A column map that you have; what it lacks is guessed."),
        "out": OUT_FOLDER,
    },
)
