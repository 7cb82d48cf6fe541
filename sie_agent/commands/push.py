"""``sie push``: a scorer or a labelled set, with its card, onto the Hugging Face Hub or into a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sie_agent.commands.verb import Option, Verb
from sie_agent.files.paths import user_path
from sie_agent.utils.counts import counted
from sie_agent.utils.progress import say
from sie_agent.utils.values import check_values


def push_scorer(
    scorer: str | Path,
    *,
    to: str | None = None,
    folder: str | Path | None = None,
    private: bool = False,
    revision: str | None = None,
    message: str | None = None,
    licence: str | None = None,
    dry_run: bool = False,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Publish a scorer: its files, its config.json and its card (README.md), and nothing else of the folder.

    A README.md that is there is kept; otherwise a card is written.

    Parameters
    ----------
    scorer : Folder that ``sie distill`` or ``sie run`` wrote.
    to : Repository on the Hugging Face Hub; made if absent.
    folder : Write the files into this folder instead.
    private : A private repository; refuses one that is there and public.
    revision : Branch to commit to; made if absent.
    message : Message of the commit.
    licence : Licence, such as apache-2.0; otherwise the card says unknown.
    dry_run : List the files and show the card; nothing is sent.
    overwrite : replace what other work left in *folder*.

    Returns
    -------
    ``kind``, ``files`` (``path``, ``bytes``), ``card``, ``dry_run``, and ``folder`` or ``to, url, commit, changed``.

    Raises
    ------
    InputError : no scorer, a damaged one, a card that is not text, a wrong name, or a repository that is public where
        *private* is asked for.
    EnvironmentFailure : the folder, the network, the token or the Hub are in the way.

    Examples
    --------
    >>> import sie_agent as sie
    >>> result = sie.push_scorer("runs/scorer", folder="published", licence="apache-2.0")
    >>> [one["path"] for one in result["files"]]
    ['README.md', 'config.json', 'model.onnx']
    """
    from sie_agent.hub.publish import card_of, checked_target, publish
    from sie_agent.outputs import Folder, Work, outputs
    from sie_agent.scorer import ENCODER_FILES, load_scorer, scorer_folder
    from sie_agent.scorer.files import CARD, CONFIG, MODEL

    check_values(scorer=scorer, to=to, licence=licence)
    target = checked_target(to, folder, dry_run)
    source = scorer_folder(scorer)
    # into its own folder goes the card alone, which is the one that is there, with a licence
    is_own = isinstance(target, Path) and target.exists() and target.samefile(source)
    names = (CARD,) if is_own else (CARD, CONFIG, MODEL, *ENCODER_FILES)
    place = Folder("--folder", None if dry_run else folder, names, beside=True)
    work = Work("push scorer", {} if is_own else {"scorer": source}, {"--license": licence})
    with outputs(work, place, overwrite=overwrite or is_own):
        loaded = load_scorer(source)
        card = card_of(source, to, licence)
        files: dict[str, bytes | Path] = {CARD: card.encode(), CONFIG: source / CONFIG, MODEL: source / MODEL}
        files |= {name: source / name for block in loaded.blocks for name in block.file_names}
        how: dict[str, Any] = {"private": private, "revision": revision, "dry_run": dry_run}
        return publish(files, "model", card, target, message=message or "Publish the importance scorer", **how)


def push_labels(
    labels: str | Path,
    *,
    to: str | None = None,
    folder: str | Path | None = None,
    data: str | Path | None = None,
    column_map: str | Path | None = None,
    split: str | None = None,
    limit: int | None = None,
    simulate: str | None = None,
    seed: int = 0,
    with_text: bool = False,
    private: bool = False,
    revision: str | None = None,
    message: str | None = None,
    licence: str | None = None,
    dry_run: bool = False,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Publish weak labels as a data set that datasets.load_dataset reads.

    Published are sample_id and the weak labels, and with *data* also item_id and label. Texts are published only
    with *with_text*. Human grades and any other columns are never published.

    Parameters
    ----------
    labels : labels.parquet that ``sie distill`` wrote, or its folder; or a scores file.
    to : Repository on the Hugging Face Hub; made if absent.
    folder : Write the files into this folder instead.
    data : The log, to take item, label and texts from it.
    column_map, split, limit, simulate, seed : as ``sie distill`` takes them.
    with_text : Publish query, title and description too.
    private : A private repository; refuses one that is there and public.
    revision : Branch to commit to; made if absent.
    message : Message of the commit.
    licence : Licence, such as apache-2.0; otherwise the card says unknown.
    dry_run : List the files and show the card; nothing is sent.
    overwrite : replace what other work left in *folder*.

    Returns
    -------
    As :func:`push_scorer`, and ``rows``, ``columns``.

    Raises
    ------
    InputError : the labels are wrong, do not belong to the data, or there are no texts to publish.
    EnvironmentFailure : as :func:`push_scorer`.

    Examples
    --------
    >>> import sie_agent as sie
    >>> result = sie.push_labels("runs/scorer", folder="published")
    >>> [one["path"] for one in result["files"]]
    ['README.md', 'data/train.parquet']
    """
    from sie_agent.hub.publish import checked_target, publish
    from sie_agent.hub.push_table import TEXTS, as_parquet, origin_of, published
    from sie_agent.outputs import Folder, Work, outputs
    from sie_agent.pipeline.loading import load_log, source_of
    from sie_agent.scorer import file_of_run
    from sie_agent.scorer.cards import PLACE, labels_card

    check_values(labels=labels, to=to, licence=licence, data=data, column_map=column_map, split=split)
    check_values(limit=limit, simulate=simulate, seed=seed)
    target = checked_target(to, folder, dry_run)
    path = user_path(labels)
    path = file_of_run(path, "labels.parquet") if path.is_dir() else path
    place = Folder("--folder", None if dry_run else folder, ("README.md", "data/train.parquet"), beside=True)
    reads = {"labels": path, "--data": None if data is None else source_of(data), "--map": column_map}
    settings = {"--split": split, "--limit": limit, "--simulate": simulate, "--seed": seed}
    work = Work("push labels", reads, {**settings, "--with-text": with_text, "--license": licence})
    with outputs(work, place, overwrite=overwrite):
        samples = None
        if data is not None:
            where: dict[str, Any] = {"column_map": column_map, "split": split, "limit": limit}
            samples = load_log(data, simulate=simulate, seed=seed, label_needed=False, **where)
        table = published(path, samples, str(data), with_text=with_text)
        columns = {field.name: "float64" if str(field.type) == "double" else str(field.type) for field in table.schema}
        card = labels_card(columns, table.num_rows, table.nbytes, licence, *origin_of(path)).replace(PLACE, to or PLACE)
        if simulate is not None:
            say("This log was drawn from human grades: its labels tell something about them")
        if set(columns) & set(TEXTS):
            say("The texts of the log are part of what is published")
        files: dict[str, bytes | Path] = {"README.md": card.encode(), "data/train.parquet": as_parquet(table)}
        how: dict[str, Any] = {"private": private, "revision": revision, "dry_run": dry_run}
        done = publish(files, "dataset", card, target, message=message or "Publish sample importance labels", **how)
        return {**done, "rows": table.num_rows, "columns": list(columns)}


def lines(result: dict[str, Any]) -> list[str]:
    """The result as it is printed; of a dry run, the card too."""
    rows = [f"{counted(result['rows'], 'row')}: {', '.join(result['columns'])}"] if "rows" in result else []
    told = rows + [f"  {file['path']}  {file['bytes']:,} bytes" for file in result["files"]]
    where = result.get("folder") or result.get("url") or result.get("to")
    if result["dry_run"]:
        from sie_agent.scorer.cards import without_controls

        # a card may be another's: a terminal would obey the control sequences in it
        return [*told, "", without_controls(result["card"]), f"Nothing was sent{f' to {where}' if where else ''}."]
    if result.get("changed") is False:
        return [*told, f"{where} has these files already: nothing was committed."]
    commit = f" (commit {result['commit'][:8]})" if result.get("commit") else ""
    return [*told, f"Published: {where}{commit}"]


SCORER = Verb(
    push_scorer,
    lines,
    examples=(
        "sie push scorer runs/scorer --to owner/my-scorer --license apache-2.0 --dry-run",
        "sie push scorer runs/quickstart --folder published",
    ),
    options={"scorer": Option(argument=True)},
)
LABELS = Verb(
    push_labels,
    lines,
    examples=(
        "sie push labels runs/scorer/labels.parquet --to owner/my-labels --private",
        "sie push labels runs/scorer --data log.csv --with-text --license cc-by-4.0 --to owner/my-labels",
        "sie push labels runs/scorer --folder published --dry-run",
    ),
    options={"labels": Option(argument=True), "data": Option(help="The log, to take item, label and texts from it.")},
)
