"""The cards of what is published: README.md of a scorer and of a labelled set, with the Hub's front matter.

Their text is in ``templates``, in Jinja. What others wrote goes through the filter ``code``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from sie_agent.errors import InputError
from sie_agent.labels import WEAK_LABELS
from sie_agent.scorer.cards.figures import SHOWN, figure_table, figures_of, model_index
from sie_agent.scorer.cards.markup import code, plain, table_of
from sie_agent.scorer.label_errors import fault_in
from sie_agent.selection import Recipe, read_recipe

TEMPLATES = Path(__file__).parent / "templates"
# what `sie push` puts the repository's name in place of
PLACE = "OWNER/NAME"
UNSTATED = "unknown: whoever published this did not state it"
FACTS = {
    "mode": "mode",
    "suite": "suite of `sie run`",
    "draw": "draw of the suite (its seed)",
    "judge": "judge of the suite",
    "model": "model of the judge",
    "variant": "prompt variant",
    "pool_loss": "loss of the judged pool",
    "n_samples": "rows it was distilled from",
    "seed": "seed",
    "log_hash": "SHA-256 of the log (ids and labels)",
}
# titles of labelled sets, by what their numbers are
TITLES = {
    "weak labels": "Sample importance labels",
    "scores": "Sample importance scores",
    "not recorded": "Sample importance labels or scores",
}


def scorer_card(config: Mapping[str, Any]) -> str:
    """README.md of a scorer folder: what it is, what goes in and comes out, where it is from, how to load it.

    Parameters
    ----------
    config : the folder's ``config.json``. Read are ``labels``, ``blocks``, ``recipe``, and of ``about`` what `FACTS`
        names, ``versions``, ``license`` and ``agreement``, rows as in ``agreement.json``. All of it may be absent, and
        it may be of somebody else: what is malformed is left out, and nothing of it is shown as markup.

    Returns
    -------
    Markdown behind YAML front matter that ``huggingface_hub.ModelCard`` reads.
    """
    about = table_of(config.get("about"))
    named = config.get("labels")
    figures, licence = figures_of(about), about.get("license")
    licence = plain(licence) if isinstance(licence, str) else ""
    metadata = {
        "library_name": "sie-agent",
        **({"license": licence} if licence else {}),
        "pipeline_tag": "tabular-regression",
        "tags": ["sie-agent", "sample-importance", "e-commerce", "tabular-regression", "onnx"],
        **model_index(figures, about),
    }
    return rendered(
        "scorer.md.j2",
        metadata,
        mode=str(about.get("mode")),
        labels=[str(name) for name in named] if isinstance(named, list) else [],
        tells_label_errors=not fault_in(config.get("label_errors")),
        recipe=recipe_of(config.get("recipe")),
        **blocks_of(config.get("blocks")),
        facts=facts_of(about),
        figures=figure_table(figures),
        shown=SHOWN,
        suite=about.get("suite") or "",
        licence=licence,
    )


def labels_card(
    columns: Mapping[str, str], count: int, size: int, licence: str | None, kind: str, facts: Mapping[str, Any]
) -> str:
    """README.md of a labelled set, with what ``datasets.load_dataset`` needs to read ``data/train.parquet``.

    Parameters
    ----------
    columns : name to type (``string``, ``float64``); count : rows; size : bytes of the table in memory.
    licence : of the data, None where it was not said.
    kind : what the numbers are, a key of `TITLES`; facts : where they are from, as the manifest has it.
    """
    metadata = {
        **({"license": licence} if licence else {}),
        "pretty_name": TITLES[kind],
        "tags": ["sie-agent", "sample-importance", *(["weak-supervision"] if kind == "weak labels" else [])],
        "size_categories": [size_category(count)],
        "configs": [{"config_name": "default", "data_files": [{"split": "train", "path": "data/train.parquet"}]}],
        "dataset_info": {
            "features": [{"name": name, "dtype": dtype} for name, dtype in columns.items()],
            "splits": [{"name": "train", "num_bytes": size, "num_examples": count}],
            "dataset_size": size,
        },
    }
    return rendered(
        "labels.md.j2",
        metadata,
        title=TITLES[kind],
        kind=kind,
        count=count,
        columns=columns,
        facts=facts_of(facts),
        licence=licence or "",
    )


def rendered(template: str, metadata: Mapping[str, Any], **values: Any) -> str:
    """A card from its template, with *metadata* as the front matter."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["code"] = code
    front_matter = yaml.safe_dump(dict(metadata), sort_keys=False, allow_unicode=True)
    meanings = {name: label.meaning for name, label in WEAK_LABELS.items()}
    values |= {"metadata": front_matter, "meanings": meanings, "place": PLACE, "unstated": UNSTATED}
    return environment.get_template(template).render(values)


def blocks_of(told: Any) -> dict[str, Any]:
    """What a scorer reads beside text and label: ``columns``, and ``encoder`` and ``width`` of sentence vectors."""
    parts = {str(one.get("kind")): one for one in told if isinstance(one, dict)} if isinstance(told, list) else {}
    columns, encoder = (table_of(parts.get(kind)) for kind in ("behaviour", "embedding"))
    named = columns.get("columns")
    return {
        "columns": [str(name) for name in named] if isinstance(named, list) else [],
        "encoder": str(encoder.get("model")) if encoder else "",
        "width": encoder.get("width") if isinstance(encoder.get("width"), int) else 0,
    }


def recipe_of(told: Any) -> Recipe | None:
    """The recipe of a configuration; None where there is none, or it is damaged."""
    try:
        return None if told is None else read_recipe(told, "")
    except InputError:
        return None


def facts_of(about: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Where it is from, as far as that is known: what each fact is, and its value as a code span."""
    facts = [(said, about.get(key)) for key, said in FACTS.items()]
    facts += [(f"version of {code(name)}", version) for name, version in table_of(about.get("versions")).items()]
    told = [(said, code(value)) for said, value in facts if isinstance(value, str | int | float)]
    return [(said, value) for said, value in told if value]


def size_category(count: int) -> str:
    """The Hub's name for a number of rows."""
    names = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
    return next((name for below, name in names if count < below), "1M<n<10M" if count < 10_000_000 else "n>10M")
