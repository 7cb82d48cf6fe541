"""``sie push``: a scorer or a labelled set, with its card, onto the Hugging Face Hub or into a folder."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from sie_agent.errors import EnvironmentFailure, InputError
from sie_agent.files.outputs import Folder, Work, outputs
from sie_agent.files.paths import user_path
from sie_agent.files.writing import write_bytes
from sie_agent.hub.push_origin import origin_of
from sie_agent.hub.push_table import TEXTS, as_parquet, published
from sie_agent.hub.upload import Files, Kind, name_error, upload
from sie_agent.pipeline.loading import load_log, source_of
from sie_agent.scorer import file_of_run, load_scorer, scorer_folder
from sie_agent.scorer.cards.card import PLACE, UNSTATED, labels_card, scorer_card
from sie_agent.scorer.cards.markup import code
from sie_agent.scorer.files import CARD, CONFIG, MODEL, read_config
from sie_agent.utils.progress import say
from sie_agent.utils.values import check_values

OWNER_AND_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)


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
    """Publish a scorer: ``model.onnx``, ``config.json``, and the card (``README.md``).

    Nothing else is published. A README.md that is there is kept; otherwise a card is written.

    Parameters
    ----------
    scorer : folder that ``sie distill`` wrote, or a run folder.
    to : ``owner/name`` of a model repository; or folder : a local folder to write instead.
    private, revision, message : of the repository, its branch, the commit.
    licence : its identifier (``apache-2.0``); without it the card says that it is not known.
    dry_run : only say what would be published. overwrite : replace what other work left in *folder*.

    Returns
    -------
    ``kind``, ``files`` (``path``, ``bytes``), ``card``, ``dry_run``, and ``folder`` or ``to, url, commit, changed``.

    Raises
    ------
    InputError : no scorer, a damaged one, a card that is no text, a wrong name, or a repository that is public where
        *private* is asked for.
    EnvironmentFailure : the folder, the network, the token or the Hub are in the way.

    Examples
    --------
    >>> import sie_agent as sie
    >>> result = sie.push_scorer("runs/scorer", folder="published", licence="apache-2.0")
    >>> [one["path"] for one in result["files"]]
    ['README.md', 'config.json', 'model.onnx']
    """
    check_values(scorer=scorer, to=to, licence=licence)
    target = checked_target(to, folder, dry_run)
    source = scorer_folder(scorer)
    # into its own folder goes the card alone, which is the one that is there, with a licence
    is_own = isinstance(target, Path) and target.exists() and target.samefile(source)
    names = (CARD,) if is_own else (CARD, CONFIG, MODEL)
    place = Folder("--folder", None if dry_run else folder, names, beside=True)
    work = Work("push scorer", {} if is_own else {"scorer": source}, {"--license": licence})
    with outputs(work, place, overwrite=overwrite or is_own):
        return scorer_published(source, target, to, private, revision, message, licence, dry_run)


def scorer_published(
    source: Path,
    target: str | Path | None,
    to: str | None,
    private: bool,
    revision: str | None,
    message: str | None,
    licence: str | None,
    dry_run: bool,
) -> dict[str, Any]:
    """:func:`push_scorer` with everything checked and named."""
    load_scorer(source)
    readme = source / CARD
    card = read_card(readme) if readme.is_file() else scorer_card(read_config(source))
    card = licensed(checked_card(card, readme), licence).replace(PLACE, to or PLACE)
    files: dict[str, bytes | Path] = {CARD: card.encode(), CONFIG: source / CONFIG, MODEL: source / MODEL}
    said = message or "Publish the importance scorer"
    return publish(files, "model", card, target, private=private, revision=revision, message=said, dry_run=dry_run)


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
    """Publish weak labels as a data set that ``datasets.load_dataset`` reads: ``data/train.parquet`` and a card.

    Published are ``sample_id``, ``item_id`` and ``label`` where they are known, and the weak labels. ``query``,
    ``title`` and ``description`` go with them only with *with_text*; a human ``grade`` and other columns never.

    Parameters
    ----------
    labels : ``labels.parquet`` of ``sie distill`` or its folder, or a scores file.
    data, column_map, split, limit, simulate, seed : the log to take item, label and texts from, as
        ``sie distill`` takes it; not needed where the labels file has them or they are not wanted.
    with_text : publish query, title and description too.
    to, folder, private, revision, message, licence, dry_run, overwrite : as in :func:`push_scorer`; the repository
        is a data set.

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
            samples = load_log(
                data,
                column_map=column_map,
                split=split,
                limit=limit,
                simulate=simulate,
                seed=seed,
                label_needed=False,
            )
        table = published(path, samples, str(data), with_text=with_text)
        columns = {field.name: "float64" if str(field.type) == "double" else str(field.type) for field in table.schema}
        card = labels_card(columns, table.num_rows, table.nbytes, licence, *origin_of(path)).replace(PLACE, to or PLACE)
        if simulate is not None:
            say("This log was drawn from human grades: its labels tell something about them")
        if set(columns) & set(TEXTS):
            say("The texts of the log are part of what is published")
        files: dict[str, bytes | Path] = {"README.md": card.encode(), "data/train.parquet": as_parquet(table)}
        said = message or "Publish sample importance labels"
        how: dict[str, Any] = {"private": private, "revision": revision, "message": said, "dry_run": dry_run}
        done = publish(files, "dataset", card, target, **how)
        return {**done, "rows": table.num_rows, "columns": list(columns)}


def checked_target(to: str | None, folder: str | Path | None, dry_run: bool) -> str | Path | None:
    """Where it is to go, found wrong before any work is done: a repository, a folder, or nowhere in a dry run."""
    if to is not None and folder is not None:
        raise InputError("both --to and --folder are given", hint="Give one of them.")
    if to is None and folder is None and not dry_run:
        hint = "Give --to owner/name for the Hugging Face Hub, or --folder DIR for this machine."
        raise InputError("nothing says where to publish", hint=hint)
    if to is not None and not OWNER_AND_NAME.fullmatch(to):
        raise name_error(to)
    return to if folder is None else user_path(folder)


def publish(
    files: Files,
    kind: Kind,
    card: str,
    target: str | Path | None,
    *,
    private: bool,
    revision: str | None,
    message: str,
    dry_run: bool,
) -> dict[str, Any]:
    """Put the files where they are to go, and say what was done."""
    sizes = [
        {"path": path, "bytes": len(content) if isinstance(content, bytes) else content.stat().st_size}
        for path, content in files.items()
    ]
    done: dict[str, Any] = {"kind": kind, "files": sizes, "card": card, "dry_run": dry_run, "exit_code": 0}
    if isinstance(target, Path):
        if not dry_run:
            place(files, target)
        return {**done, "folder": str(target)}
    if target is None or dry_run:
        return {**done, "to": target}
    uploaded = upload(files, target, kind, private=private, revision=revision, message=message)
    return {**done, "to": target, **uploaded}


def place(files: Files, folder: Path) -> None:
    """Write the files into a folder; others that are there stay."""
    for path, content in files.items():
        file = folder / path
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            write_bytes(file, content if isinstance(content, bytes) else content.read_bytes())
        except OSError as error:
            raise EnvironmentFailure(f"cannot be written ({error.strerror})", where=file) from error


def read_card(path: Path) -> str:
    """The card that is there, if it is a text of this folder; a link may lead to a file that nobody wants published."""
    hint = "Save it as UTF-8, or delete it to have the card written anew."
    try:
        real = path.resolve()
        # the Hub's cache keeps files as links into the folder `blobs` of the repository
        if real.parent not in (path.parent.resolve(), path.parent.resolve().parent.parent / "blobs"):
            raise InputError("links to a file outside the scorer's folder", where=path, hint="Put a copy there.")
        return real.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"is no UTF-8 text (byte {error.start + 1})", where=path, hint=hint) from error
    except OSError as error:
        raise EnvironmentFailure(f"cannot be read ({error.strerror})", where=path) from error


def checked_card(card: str, where: Path) -> str:
    """The card, if the Hub's library can read its front matter."""
    from huggingface_hub import ModelCard

    try:
        ModelCard(card, ignore_metadata_errors=False)
    except Exception as error:
        # YAML's errors and the library's own have no common type
        said = " ".join(str(error).split())[:160]
        hint = "Mend the front matter, or delete the file to have the card written anew."
        raise InputError(f"the front matter cannot be read ({said})", where=where, hint=hint) from error
    return card


def licensed(card: str, licence: str | None) -> str:
    """The card with the licence in its front matter and in its text."""
    if licence is None:
        return card
    from huggingface_hub import ModelCard

    changed = ModelCard(card)
    changed.data["license"] = licence
    return str(changed).replace(UNSTATED, code(licence))
