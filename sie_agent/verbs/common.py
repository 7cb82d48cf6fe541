"""What several verbs do alike: load a log, guard a folder, hash samples, choose how proxies train."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pandas as pd

from sie_agent.attribution import TrainingSettings
from sie_agent.errors import EnvironmentFailure, InputError
from sie_agent.progress import say
from sie_agent.samples import LOGS, InvalidRows, LogSettings, load_samples, simulate_log

SIMULATIONS = tuple(LOGS)
FEWEST_STEPS_PER_EPOCH = 16


def load_log(
    data: str | Path,
    *,
    column_map: str | Path | None = None,
    split: str | None = None,
    limit: int | None = None,
    simulate: str | None = None,
    seed: int = 0,
    label_needed: bool = True,
    labels_may_lack: bool = False,
    invalid: InvalidRows | None = None,
) -> pd.DataFrame:
    """Samples with the log's label.

    Parameters
    ----------
    data, column_map, split, limit : as `load_samples` takes them.
    simulate : None for the data's own labels, else a name in ``LOGS``, drawn from the grades with *seed* at the
        kind's own rate. Its positions become those of the samples; a column ``impressions`` comes behind the
        schema's where rows were shown several times.
    label_needed : whether data without a label are refused.
    labels_may_lack : whether some rows of the data may have a label of their own and others none.
    invalid : what is done with rows that cannot be used; when not given, the first of them is an error.

    Raises
    ------
    InputError : there is no label and none was simulated, or the simulation is unknown or has no grades.
    """
    if simulate is not None and simulate not in SIMULATIONS:
        raise InputError(
            f"no simulated log '{simulate}'",
            where="--simulate",
            mend=f"Choose one of {', '.join(SIMULATIONS)}.",
        )
    samples = load_samples(
        data,
        column_map=column_map,
        split=split,
        limit=limit,
        labels_may_lack=labels_may_lack,
        invalid=invalid,
    )
    if simulate is not None:
        return with_log(samples, simulate_log(samples, LogSettings(simulate), seed))
    if label_needed and samples["label"].isna().any():
        raise InputError(
            "the data have no label, that is, nothing that the log says (clicks, purchases)",
            where=f"{data}, field 'label'",
            mend="Map its column in a column map (label: {column: clicks, minimum: 0, maximum: 1}), or, "
            "where there are grades, draw a log from them with --simulate ranked-clicks.",
        )
    return samples


def with_log(samples: pd.DataFrame, log: pd.DataFrame) -> pd.DataFrame:
    """The samples with the label of a simulated log and, where it has them, positions and counts of impressions."""
    columns = {"label": log["label"]}
    if log["position"].notna().all():
        columns["position"] = log["position"]
    if (log["impressions"] > 1).any():
        columns["impressions"] = log["impressions"]
    return samples.assign(**columns)


def load_graded_log(
    data: str | Path,
    *,
    column_map: str | Path | None = None,
    split: str | None = None,
    limit: int | None = None,
    simulate: str | None = None,
    seed: int = 0,
    invalid: InvalidRows | None = None,
) -> pd.DataFrame:
    """:func:`load_log`, with at least one grade.

    Raises
    ------
    InputError : as :func:`load_log`; or no row has a grade.
    """
    samples = load_log(
        data, column_map=column_map, split=split, limit=limit, simulate=simulate, seed=seed, invalid=invalid
    )
    if samples["grade"].isna().all():
        raise InputError(
            "no row has a grade, and reference importance is measured against trusted grades",
            where=f"{data}, field 'grade'",
            mend="Map the column of human grades (grade: {column: …, minimum: 0, maximum: 3}).",
        )
    return samples


def writable_folder(path: str | Path) -> Path:
    """A folder, made if it is absent, that takes files: found out before anything is paid for.

    Raises
    ------
    InputError : the path is a file.
    EnvironmentFailure : the folder cannot be made or written to.
    """
    folder = Path(path).expanduser()
    if folder.exists() and not folder.is_dir():
        raise InputError("is a file, and a folder is needed", where=folder, mend="Give another --out.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".sie-"):
            pass
    except OSError as error:
        raise EnvironmentFailure(
            f"the folder cannot be written to ({error.strerror})",
            where=folder,
            mend="Change its permissions, free some space, or choose another --out.",
        ) from error
    return folder


@contextmanager
def output_folder(path: str | Path) -> Iterator[Path]:
    """:func:`writable_folder`; one that was made for nothing is gone again when the work in it fails."""
    is_new = not Path(path).expanduser().exists()
    folder = writable_folder(path)
    try:
        yield folder
    except BaseException:
        if is_new:
            with suppress(OSError):
                folder.rmdir()
        raise


def parquet_target(path: str | Path) -> Path:
    """Where a Parquet file is to go, its folder checked.

    Raises
    ------
    InputError : the name does not end in ``.parquet``, or is a folder.
    EnvironmentFailure : its folder cannot be written to.
    """
    target = Path(path).expanduser()
    if target.suffix != ".parquet":
        raise InputError("the file to write does not end in .parquet", where=target, mend="Give --out NAME.parquet.")
    if target.is_dir():
        raise InputError("is a folder", where=target, mend="Give --out the name of a file.")
    writable_folder(target.parent)
    return target


def check_apart(outputs: Mapping[str, Path], inputs: Iterable[Path]) -> None:
    """Make sure that no file to write is one that is read, or that another option writes.

    Parameters
    ----------
    outputs : the files to write, by their option; they need not be there.
    inputs : files, and folders all of whose files are read.

    Raises
    ------
    InputError : one is, by whatever name or link, or lies in a folder that is read.
    """
    sources = list(inputs)
    taken: dict[str, Path] = {}
    for option, path in outputs.items():
        where = f"{option} {path}"
        for other, before in taken.items():
            if same_file(path, before):
                raise InputError(f"is the file of {other}, too", where=where, mend="Give another name.")
        for source in sources:
            if path.exists() and any(same_file(path, file) for file in files_of(source)):
                raise InputError(f"would replace what is read ({source})", where=where, mend="Give another name.")
            if source.is_dir() and path.resolve().is_relative_to(source.resolve()):
                mend = "Give a file in another folder."
                raise InputError(f"lies in a folder that is read ({source})", where=where, mend=mend)
        taken[option] = path


def same_file(first: Path, second: Path) -> bool:
    """Whether two paths lead to one file, be it there or not."""
    if first.exists() and second.exists():
        return first.samefile(second)
    return first.resolve() == second.resolve()


def files_of(source: Path) -> Iterator[Path]:
    """A file, or the files of a folder and of those below it."""
    return (file for file in source.rglob("*") if file.is_file()) if source.is_dir() else iter([source])


def samples_hash(samples: pd.DataFrame) -> str:
    """SHA-256, in hex, of id, query, item and title of every row, in order."""
    digest = hashlib.sha256()
    add_to_hash(digest, samples)
    return digest.hexdigest()


def add_to_hash(digest: Any, samples: pd.DataFrame) -> None:
    """Hash some more rows: what :func:`samples_hash` gives for them all together."""
    columns = [samples[name].tolist() for name in ("sample_id", "query", "item_id", "title")]
    lines = ["\t".join(map(str, row)) + "\n" for row in zip(*columns, strict=True)]
    digest.update("".join(lines).encode("utf-8", "replace"))


def training_settings(n_rows: int) -> TrainingSettings:
    """How target models and proxies train on a log of *n_rows* rows: as suites do by default.

    A small log gets smaller batches, or the few steps of an epoch would leave the model where it began.
    """
    from sie_agent.run import Suite

    part = Suite.model_fields["target"].get_default()
    given: dict[str, float] = part.model_dump(exclude={"seeds"})
    most = max(16, n_rows // FEWEST_STEPS_PER_EPOCH)
    batch_size = min(int(given["batch_size"]), most)
    if batch_size < given["batch_size"]:
        say(f"A small log ({n_rows:,} rows): training in batches of {batch_size}")
    return TrainingSettings(**{**part.model_dump(exclude={"seeds"}), "batch_size": batch_size})
