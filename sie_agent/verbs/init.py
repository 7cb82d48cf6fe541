"""``sie init``: a commented suite and a column map for someone's own file."""

from __future__ import annotations

import json
import os
import re
import textwrap
from pathlib import Path
from typing import Any

import yaml

from sie_agent.errors import InputError
from sie_agent.run import load_suite, write_text
from sie_agent.samples import LOGS, SHORTHANDS, load_samples, read_source, ready_maps, resolve
from sie_agent.verbs.common import writable_folder
from sie_agent.verbs.guess import Guess, guess_columns

ROWS_CHECKED = 2_000
MAP_HEAD = """\
# Which columns of {source} are what. Written by `sie init` as a guess: look through it.
# columns: our name: your column. Ours are sample_id, query, item_id, title, description, attributes, label,
#   grade, user_id, history, position, timestamp; query, item_id and title are needed.
# label: what the log says of the row (clicked, bought), from 0 to 1.
# grade: what a person said of it, from 0 to 1; never shown to the judge.
# Where these are on another scale, say so: grade: {{column: relevance, minimum: 1, maximum: 3}}, or in words:
#   grade: {{column: verdict, values: {{Exact: 1, Partial: 0.5, Irrelevant: 0}}}}
"""
SUITE = """\
# What `sie run` does with {source}.
# Written by `sie init`; every line can be changed here, or for one run with --set key=value.
# Paths are read from the folder in which sie is started.
name: {name}
data:
  source: {source_yaml}
{map_line}  # split: train            # only the rows of this split
  # limit: 20000            # only the first so many rows
  min_items_per_query: 1    # leave out queries with fewer items

# Where the labels come from. given: the data's own. Drawn from the grades, to try things out:
{logs}
log: {log}

# Shares of the queries, for scorer and agreement. The judge and the scorer see log-judged alone; the target model
# trains on log-unseen as well. The others need grades: target and weights are chosen on tune, references are
# measured on reference-validation.
query_sets: {query_sets}

# Seeds. Each draws the query sets and the models anew; the report gives the mean over all of them.
draws: [1, 2, 3]

judges:
  # the small model that comes along. Its answers are an order rather than degrees, hence by_rank
  - {{name: embedded, kind: local, variant: relevance/query-likelihood, by_rank: true}}
  # shared words: costs nothing, and every judge should do better
  - {{name: lexical, kind: lexical, variant: relevance/lexical, by_rank: true}}
  # a model on a server, say one that you started with vLLM
  # - {{name: served, kind: openai, variant: relevance/graded, model: NAME, base_url: "http://127.0.0.1:8000/v1"}}
headline_judge: embedded

# labels: {{clarity: catalogue}}    # how clear queries are, to look at in the report; nothing is weighed by it
# scorer: {{trees: 150}}     # of all students; each weak label has settings of its own
{target}
headline_reference: tracin-ranking
# What target and weights do to the ranker: every query is tested once in each draw.
downstream: {downstream}
"""
SMALL_TARGET = "target: {epochs: 20, batch_size: 32}    # a small log: more and smaller steps"
LARGE_TARGET = "# target: {hidden: 64, epochs: 8, batch_size: 256, seeds: 6}"
FOUR_SETS = "{log-judged: 0.25, log-unseen: 0.45, tune: 0.15, reference-validation: 0.15}"
THREE_SETS = "{log-judged: 0.4, log-unseen: 0.4, tune: 0.2}"
TWO_SETS = "{log-judged: 0.7, log-unseen: 0.3}"


def init(
    data: str | Path,
    out: str | Path = ".",
    *,
    column_map: str | Path | None = None,
    force: bool = False,
) -> dict[str, Any]:
    """Guess the columns of a source and write ``NAME-map.yaml`` and ``NAME-suite.yaml`` into *out*.

    Both are tried on the first rows before this returns.

    Parameters
    ----------
    data : file, folder, Hub id or shorthand; column_map : a map that is there already, which saves the guess.
    force : overwrite files that are there.
    out : folder to write into.

    Returns
    -------
    ``suite``, ``map`` (path or None), ``guessed`` (schema column to source column), ``notes``, ``next_out``.

    Raises
    ------
    InputError : the columns cannot be guessed, the data are wrong, or a file is there already.
    EnvironmentFailure : *out* cannot be written to.

    Examples
    --------
    >>> import sie_agent as sie
    >>> sie.load_samples("sample", limit=100).drop(columns="history").to_csv("my-log.csv", index=False)
    >>> result = sie.init("my-log.csv", "mine")
    >>> result["suite"], result["map"]
    ('mine/my-log-suite.yaml', 'mine/my-log-map.yaml')
    """
    source, shorthand = str(data), str(data) in SHORTHANDS or str(data).startswith("generated:")
    name = re.sub(r"[^\w-]+", "-", Path(source).name.split(".")[0]).strip("-") or "log"
    folder = writable_folder(out)
    suite_path, map_path = folder / f"{name}-suite.yaml", folder / f"{name}-map.yaml"
    own_map = not shorthand and column_map is None
    for path in (suite_path, map_path) if own_map else (suite_path,):
        if path.exists() and not force:
            raise InputError("is there already", where=path, mend="Give --force to overwrite it, or another --out.")
    guess = Guess()
    if own_map:
        where, _ = resolve(source)
        guess = guess_columns(read_source(source, where, None, None), source)
        write_text(map_path, MAP_HEAD.format(source=source) + map_yaml(guess))
    map_name = str(map_path) if own_map else None if column_map is None else str(column_map)
    samples = load_samples(source, column_map=map_name, limit=ROWS_CHECKED)
    labelled, graded = bool(samples["label"].notna().all()), bool(samples["grade"].notna().all())
    some = bool(samples["grade"].notna().any())
    notes = [*guess.notes, *advice(labelled, graded, some)]
    # paths in a suite count from its folder
    seen = source if shorthand or not Path(source).expanduser().exists() else from_folder(source, folder)
    chosen = map_name if map_name is None or map_name in ready_maps() else from_folder(map_name, folder)
    write_text(suite_path, suite_yaml(name, seen, chosen, labelled, graded, some, len(samples) < ROWS_CHECKED))
    load_suite(suite_path)
    guessed = {one: guess.source(one) for one in (*guess.columns, *guess.scales)}
    return {
        "suite": str(suite_path),
        "map": str(map_path) if own_map else None,
        "guessed": guessed,
        "notes": notes,
        "next_out": f"runs/{name}",
        "exit_code": 0,
    }


def from_folder(path: str, folder: Path) -> str:
    """A path as it is written in a file of *folder*; an absolute one stays."""
    given = Path(path).expanduser()
    return str(given) if given.is_absolute() else os.path.relpath(given, folder)


def map_yaml(guess: Guess) -> str:
    """The guessed map as YAML."""
    return yaml.safe_dump({"columns": guess.columns, **guess.scales}, sort_keys=False, allow_unicode=True)


def suite_yaml(
    name: str, source: str, map_name: str | None, labelled: bool, graded: bool, some: bool, small: bool
) -> str:
    """The commented suite."""
    return SUITE.format(
        name=quoted(name),
        source=source,
        source_yaml=quoted(source),
        map_line=f"  map: {quoted(map_name)}\n" if map_name else "",
        log="{kind: given}" if labelled else "{kind: ranked-clicks}",
        logs=logs_comment(),
        target=SMALL_TARGET if small else LARGE_TARGET,
        query_sets=FOUR_SETS if graded else THREE_SETS if some else TWO_SETS,
        downstream="{draws: 3}   # rankers: [target, linear, lambdamart], keep: [0.5] for half of the rows"
        if graded
        else "{draws: 0}   # needs grades",
    )


def quoted(text: str) -> str:
    """A text as YAML takes it, whatever is in it."""
    return json.dumps(text, ensure_ascii=False)


def advice(labelled: bool, graded: bool, some_graded: bool) -> list[str]:
    """What the data allow, in words."""
    notes = []
    if not labelled and not graded:
        notes.append("There is no label in every row: `sie run` needs one, or a grade in every row to draw one from.")
    elif not labelled:
        notes.append("There is no label: the suite draws a click log from the grades. Map your clicks when you can.")
    if some_graded and not graded:
        notes.append(
            "Only some rows have a grade: target and weights are chosen on them, but rankers are tested on data with a "
            "grade in every row, so there is no verdict."
        )
    elif not graded:
        notes.append("There is no grade: there will be scores, weights and diagnostics, and no verdict.")
    return notes


def logs_comment() -> str:
    """A comment that says of each kind of simulated log what it is, and what its rate is."""
    return "\n".join(
        textwrap.fill(
            f"{kind.name}: {kind.words} Rate: {kind.rate_means}.",
            width=118,
            initial_indent="#   ",
            subsequent_indent="#     ",
            break_on_hyphens=False,
        )
        for kind in LOGS.values()
    )
