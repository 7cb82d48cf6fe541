"""The folder of a scorer: ``README.md`` (model card), ``config.json`` and ``model.onnx``, which holds all weights.

A scorer that reads sentence vectors also has ``encoder.onnx`` and ``tokenizer.json``.

``model.onnx`` scores raw texts with onnxruntime alone. It also carries, as metadata, the text form of LightGBM's trees,
of which explanations need how many rows went through each branch. No pickle anywhere; LightGBM reads no file.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from sie_agent.errors import InputError
from sie_agent.features import reading
from sie_agent.files.file_kinds import table_kind
from sie_agent.files.json_files import read_object
from sie_agent.files.paths import user_path
from sie_agent.files.small_files import MEBIBYTE, read_bytes
from sie_agent.files.writing import failures_in_words, write_bytes
from sie_agent.samples import made_by_words
from sie_agent.scorer.blocks.base import Block
from sie_agent.scorer.blocks.configured import blocks_told, fault_in_blocks, files_told, inputs_told
from sie_agent.scorer.blocks.registry import BLOCKS
from sie_agent.scorer.cards.card import scorer_card
from sie_agent.scorer.label_errors import AGAIN, LabelErrors, as_config, read_label_errors
from sie_agent.scorer.model import Scorer
from sie_agent.scorer.onnx.model import scorer_model
from sie_agent.scorer.onnx.read import READING, TREES_OF, Tables, read_learned
from sie_agent.scorer.ranges import kept_in_range, moved_config
from sie_agent.scorer.trees import MOST_ROWS
from sie_agent.selection import RELEVANCE, Recipe, read_recipe, rising

# 5 reads more than texts; 4 reads texts without spaces in another way, and the model says which; 3 is read as it was
FORMAT, TEXT_FORMAT, OLDEST_FORMAT = 5, 4, 3
MOST_OF_CONFIG, MOST_OF_MODEL = 16 * MEBIBYTE, 256 * MEBIBYTE
MOST_LABELS = 64
CARD, CONFIG, MODEL = "README.md", "config.json", "model.onnx"
# the folder of a scorer in that of `sie distill` or `sie run`
SCORER = "scorer"


def save_scorer(scorer: Scorer, folder: str | Path) -> None:
    """Write the card, the configuration and the model; the configuration last, so that half a scorer never loads.

    Parameters
    ----------
    scorer : the scorer. folder : to write into; made where it is absent.

    Raises
    ------
    EnvironmentFailure : the folder cannot be written to.

    Examples
    --------
    >>> import sie_agent as sie
    >>> sie.save_scorer(sie.load_scorer("runs/scorer"), "copy")
    >>> sie.load_scorer("copy")
    Scorer(labels=['relevance', 'value', 'support', 'hardness'], rows=1700, recipe=...)
    """
    from sie_agent.version import __version__

    trees = {f"{TREES_OF}{name}": student.booster.model_to_string() for name, student in scorer.students.items()}
    # a scorer that reads text alone is what it always was, and older versions read it
    written = FORMAT if scorer.blocks else TEXT_FORMAT
    about = {"sie.format": str(written), READING: str(scorer.features.version)}
    beside = {name: content for block in scorer.blocks for name, content in block.files().items()}
    files = {MODEL: scorer_model(scorer.features, scorer.students, {**about, **trees}, scorer.blocks), **beside}
    more = {} if not scorer.blocks else {"blocks": [block.config() for block in scorer.blocks]}
    config = {
        "format": written,
        "library_name": "sie-agent",
        "sie_version": __version__,
        "labels": list(scorer.students),
        "inputs": {
            **dict.fromkeys(reading.FIELDS, "text"),
            "label": "float32, NaN where the log says nothing",
            **inputs_told(scorer.blocks),
        },
        "outputs": dict.fromkeys(scorer.students, "float64"),
        "sha256": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
        "score_quantiles": {name: values.tolist() for name, values in scorer.score_quantiles.items()},
        "score_rows": scorer.score_rows,
        "recipe": None if scorer.recipe is None else scorer.recipe.as_config(),
        "label_errors": None if scorer.label_errors is None else as_config(scorer.label_errors),
        "about": dict(scorer.about),
        **more,
    }
    target = user_path(folder)
    with failures_in_words(target):
        target.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            write_bytes(target / name, content)
    write_description(target, config)


def describe_scorer(folder: Path, more: Mapping[str, Any]) -> None:
    """Add facts to what a scorer's folder says of it, such as figures that were measured after it was written.

    Raises
    ------
    InputError : the folder is not a scorer, or its configuration is damaged.
    EnvironmentFailure : the folder cannot be written to.
    """
    config = read_config(folder)
    write_description(folder, {**config, "about": {**config["about"], **more}})


def write_description(folder: Path, config: Mapping[str, Any]) -> None:
    """Write the card and the configuration, the configuration last."""
    with failures_in_words(folder):
        write_bytes(folder / CARD, scorer_card(config).encode("utf-8"))
        write_bytes(folder / CONFIG, json.dumps(config, indent=1).encode("utf-8"))


def read_config(folder: Path) -> dict[str, Any]:
    """The configuration of a scorer.

    Raises
    ------
    InputError : the folder is not a scorer, its configuration is damaged, or its format is not supported.
    """
    path = Path(folder) / CONFIG
    if not os.path.lexists(path):
        made = made_by_words(folder) or (f"is {kind}: " if (kind := table_kind(folder)) else "")
        raise InputError(f"{made}no scorer here", where=folder, hint="Give the folder that `sie distill` wrote.")
    try:
        config = read_object(path, most=MOST_OF_CONFIG, hint=AGAIN, nan=True)
    except InputError as error:
        raise InputError(f"damaged scorer configuration ({error.problem})", where=path, hint=AGAIN) from error
    written = config.get("format")
    if type(written) is not int:
        raise InputError("damaged scorer configuration: 'format' must be a whole number", where=path, hint=AGAIN)
    if written > FORMAT:
        raise InputError(f"scorer of a newer format ({written})", where=path, hint="Upgrade sie-agent.")
    if written < OLDEST_FORMAT:
        raise InputError(f"scorer of an older format ({written})", where=path, hint="Distill it again.")
    fault = fault_in_config(config)
    if fault is not None:
        raise InputError(f"damaged scorer configuration: {fault}", where=path, hint=AGAIN)
    return config


def fault_in_config(config: Mapping[str, Any]) -> str | None:
    """What is wrong with a configuration, in words; None if nothing is."""
    wanted = {"labels": list, "sha256": dict, "score_quantiles": dict, "score_rows": int, "about": dict}
    for name, kind in wanted.items():
        if type(config.get(name)) is not kind:
            return f"'{name}' must be a {kind.__name__}"
    labels = config["labels"]
    if not 1 <= len(labels) <= MOST_LABELS or not all(isinstance(name, str) for name in labels):
        return f"'labels' must be a list of 1 to {MOST_LABELS} names"
    if len(set(labels)) != len(labels) or not all(0 < len(name) <= 80 and name.isprintable() for name in labels):
        return "'labels' must be different printable names of 1 to 80 characters"
    if (fault := fault_in_blocks(config, wanted=config["format"] == FORMAT)) is not None:
        return fault
    # names of files: one that save_scorer does not write could point anywhere
    names = {MODEL, *files_told(config)}
    if set(config["sha256"]) != names or not all(isinstance(one, str) for one in config["sha256"].values()):
        return f"'sha256' must be that of {', '.join(sorted(names))} alone"
    if not 0 <= config["score_rows"] <= MOST_ROWS:
        return "'score_rows' must be a number of rows"
    for name, values in config["score_quantiles"].items():
        if name not in labels:
            return "'score_quantiles' is of a weak label that the scorer does not give"
        try:
            rising(values, f"score quantiles of '{name}'")
        except InputError as error:
            return error.problem
    # the recipe and the label errors are checked number by number where they are read
    for name in config.keys() - {"recipe", "label_errors"}:
        try:
            json.dumps(config[name], allow_nan=False)
        except ValueError:
            return f"'{name}' holds NaN or an infinite number"
    return None


def read_blocks(folder: Path, config: Mapping[str, Any], tables: Tables) -> tuple[Block, ...]:
    """The blocks of a scorer, from its checked configuration, the tables of its model, and the files beside that.

    Raises
    ------
    ValueError : the configuration or the tables are damaged. InputError : a file is missing or damaged.
    """
    found = []
    for told in blocks_told(config):
        kind = BLOCKS[told["kind"]]
        files = {name: read_part(folder, config, name) for name in kind.file_names}
        found.append(kind.read(told, tables, files, folder))
    return tuple(found)


def recipe_of(config: Mapping[str, Any], where: Path) -> Recipe | None:
    """The recipe of a configuration, None where it has none.

    Raises
    ------
    InputError : it is damaged, or reads a weak label that the scorer does not give.
    """
    told = config.get("recipe")
    if told is None:
        return None
    recipe = read_recipe(told, str(where))
    if not set(recipe.reads) <= set(config["labels"]) & set(recipe.quantiles):
        raise InputError("the recipe reads what the scorer does not give", where=where, hint=AGAIN)
    return recipe


def label_errors_of(config: Mapping[str, Any], where: Path) -> LabelErrors | None:
    """What a configuration says of wrong labels, None where it says nothing.

    Raises
    ------
    InputError : it is damaged, or reads a relevance that the scorer does not give.
    """
    told = config.get("label_errors")
    if told is None:
        return None
    if RELEVANCE not in config["labels"]:
        raise InputError(
            f"damaged scorer configuration: it reads '{RELEVANCE}', which the scorer does not give",
            where=f"{where}, field 'label_errors'",
            hint=AGAIN,
        )
    return read_label_errors(told, str(where))


def read_part(folder: Path, config: Mapping[str, Any], name: str) -> bytes:
    """The bytes of ``model.onnx`` or of a file beside it, as they were written.

    Raises
    ------
    InputError : it is missing or damaged.
    """
    path = Path(folder) / name
    with suppress(OSError):
        content = read_bytes(path, MOST_OF_MODEL, AGAIN)
        if hashlib.sha256(content).hexdigest() == config["sha256"].get(name):
            return content
    raise InputError("part of the scorer is missing or damaged", where=path, hint=AGAIN)


def scorer_folder(folder: str | Path) -> Path:
    """The scorer itself, or the one in the folder of ``sie distill`` or ``sie run``.

    Raises
    ------
    InputError : *folder* is not a path.
    """
    if not isinstance(folder, str | os.PathLike):
        kind = type(folder).__name__
        raise InputError(f"is a {kind}, not a path", where="scorer", hint="Give the folder that `sie distill` wrote.")
    path = user_path(folder)
    inside = path / SCORER
    return inside if not (path / CONFIG).is_file() and inside.is_dir() else path


def file_of_run(folder: Path, name: str) -> Path:
    """A file of the folder of ``sie distill`` or ``sie run``, also where its scorer's folder was named."""
    above = folder.resolve().parent / name
    is_scorer = folder.name == SCORER and (folder / CONFIG).is_file()
    return above if is_scorer and not (folder / name).is_file() and above.is_file() else folder / name


def read_scorer(folder: Path) -> tuple[Scorer, dict[str, Any], bytes]:
    """A scorer, its configuration and the model to run, all in the ranges of the weak labels.

    Raises
    ------
    InputError : see :func:`load_scorer`.
    """
    config = read_config(folder)
    content = read_part(folder, config, MODEL)
    blocks_of = partial(read_blocks, folder, config)
    features, learned, model, blocks = read_learned(content, config["labels"], folder / MODEL, blocks_of)
    students = kept_in_range(learned)
    if any(not np.array_equal(students[name].quantiles, learned[name].quantiles) for name in learned):
        config, model = moved_config(config, learned, students), scorer_model(features, students, {}, blocks)
    quantiles = {name: np.asarray(values, np.float64) for name, values in config["score_quantiles"].items()}
    recipe, errors = recipe_of(config, folder / CONFIG), label_errors_of(config, folder / CONFIG)
    scorer = Scorer(features, students, config["about"], quantiles, config["score_rows"], recipe, errors, blocks)
    return scorer, config, model


def load_scorer(folder: str | Path) -> Scorer:
    """Read what :func:`save_scorer` wrote.

    Parameters
    ----------
    folder : of a scorer, or the folder of ``sie distill`` or ``sie run`` that holds it.

    Returns
    -------
    The scorer.

    Raises
    ------
    InputError : the folder is not a scorer, is damaged, or was written by a newer version.

    Examples
    --------
    >>> import sie_agent as sie
    >>> sie.load_scorer("runs/scorer")
    Scorer(labels=['relevance', 'value', 'support', 'hardness'], rows=1700, recipe=...)
    """
    return read_scorer(scorer_folder(folder))[0]
