"""``sie explain``: why rows of a log, or a typed-in pair, have their score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sie_agent.commands.explain_lines import lines
from sie_agent.commands.verb import Option, Verb
from sie_agent.errors import InputError
from sie_agent.files.paths import user_path
from sie_agent.utils.values import check_values


def explain(
    scorer: str | Path,
    data: str | Path | None = None,
    *,
    ids: Sequence[str] = (),
    rows: Sequence[int] = (),
    query: str | None = None,
    title: str | None = None,
    description: str = "",
    label: float | None = None,
    by: str | None = None,
    top: int = 8,
    column_map: str | Path | None = None,
    split: str | None = None,
    limit: int | None = None,
    simulate: str | None = None,
    seed: int = 0,
    html: str | Path | None = None,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Say why rows have their score: what each feature adds, and what the score loses without each word.

    Give *ids* or *rows* of *data*, or a *query* and a *title*. The data are read in chunks, as far as is needed.

    Parameters
    ----------
    scorer : Folder that ``sie distill`` or ``sie run`` wrote.
    data : The log, as ``sie score`` takes it; without it, the samples of the run folder.
    ids : A row by its sample_id; several times.
    rows : A row by its number, from 1; several times.
    query : A pair that is in no log.
    title : The pair's title.
    description : The pair's description.
    label : What the log would say of the pair, 0 to 1; not known where it is not given.
    by : The score to explain: one of the weak labels; otherwise (or ``auto``) that of the scorer's recipe, or value.
    top : Features and words listed per row.
    column_map, split, limit, simulate, seed : as :func:`sie_agent.score` takes them, so that a row has the label that
        it was scored with.
    html : Also write a self-contained page.
    overwrite : replace what other work left at *html*.

    Returns
    -------
    ``by``, ``top``, ``explanations`` (one object per row, all features), ``weights`` (one object per row, where the
    scorer's recipe weighs: ``weight`` and the ``parts`` that it is made of, the shopper's among them), ``lost`` (of the
    *ids* that are in the log and not among the rows that are used, what became of each:
    ``sample_id, row, place, reason, problem, pair``; where an impression was folded into its *pair*, that is
    explained), ``html`` (path, or None where no page was asked for or no row was left to explain).

    Raises
    ------
    InputError : the scorer, the data, or what is asked for is wrong; an id that is not in the log at all comes with
        those near it.
    EnvironmentFailure : the page cannot be written.

    Examples
    --------
    >>> import sie_agent as sie
    >>> result = sie.explain("runs/scorer", query="desk lamp", title="Brass desk lamp", label=1.0, by="value")
    >>> result["by"], len(result["explanations"])
    ('value', 1)
    >>> result = sie.explain("runs/scorer", "sample", rows=[1, 2], html="why.html")
    >>> result["html"]
    'why.html'
    """
    from sie_agent.commands.explaining import named_rows, run_samples, typed_sample
    from sie_agent.commands.log_rows import LogRows
    from sie_agent.outputs import File, Work, outputs
    from sie_agent.pipeline.loading import source_of
    from sie_agent.report import write_explanations
    from sie_agent.samples import InvalidRows, LostRow
    from sie_agent.scorer import (
        check_asked,
        explain_rows,
        explain_weights,
        explained_by,
        load_scorer,
        scorer_folder,
        shortened,
    )

    check_values(scorer=scorer, data=data, ids=list(ids), rows=list(rows), label=label, by=by, top=top)
    check_values(column_map=column_map, split=split, limit=limit, simulate=simulate, seed=seed)
    place = File("--html", html, ".html")
    asked = {"--id": list(ids), "--row": list(rows), "--query": query, "--title": title, "--description": description}
    settings = {**asked, "--label": label, "--by": by, "--top": top, "--split": split, "--limit": limit}
    settings |= {"--simulate": simulate, "--seed": seed}
    folder = user_path(scorer)
    reads = {"--scorer": scorer_folder(folder), "--data": None if data is None else source_of(data)}
    work = Work("explain", {**reads, "--map": column_map}, settings)
    with outputs(work, place, overwrite=overwrite):
        loaded = load_scorer(scorer_folder(folder))
        by = explained_by(loaded) if by is None or by == "auto" else by
        check_asked(loaded, by, top)
        typed = query is not None or title is not None
        lost: list[LostRow] = []
        if typed == bool(ids or rows):
            problem = "both rows of the data and a typed-in pair" if typed else "no row is named"
            raise InputError(problem, hint="Give --id or --row, or else --query and --title.")
        if typed:
            samples = typed_sample(query, title, description, label)
        else:
            source = run_samples(folder) if data is None else data
            log = LogRows(source, column_map, split, limit, InvalidRows(skip=True), simulate, seed)
            samples, lost = named_rows(log, ids, rows)
        explained = explain_rows(loaded, samples, by, None)
        weighs = loaded.recipe is not None and loaded.recipe.weighs and len(samples) > 0
        weighed = explain_weights(loaded, samples) if weighs else []
        written = html is not None and len(explained) > 0
        if written:
            write_explanations([asdict(shortened(one, top)) for one in explained], place.path)
    return {
        "by": by,
        "top": top,
        "explanations": [asdict(one) for one in explained],
        "weights": [asdict(one) for one in weighed],
        "lost": [asdict(one) for one in lost],
        "html": str(place.path) if written else None,
        "exit_code": 0,
    }


VERB = Verb(
    explain,
    lines,
    examples=(
        "sie explain --scorer runs/quickstart --row 1 --row 2",
        "sie explain --scorer runs/scorer --data log.csv --id r17 --by value --html why.html",
        "sie explain --scorer runs/quickstart --data sample --simulate ranked-clicks --row 1",
        'sie explain --scorer runs/scorer --query "desk lamp" --title "Brass lamp" --label 1',
    ),
    options={
        "data": Option(help="The log, as `sie score` takes it; without it, the samples of the run folder."),
        "ids": Option("SAMPLE_ID"),
        "html": Option("FILE.html"),
    },
)
