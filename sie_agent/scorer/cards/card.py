"""The cards of what is published: README.md of a scorer and of a labelled set, with the Hub's front matter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from sie_agent.errors import InputError
from sie_agent.labels import WEAK_LABELS
from sie_agent.scorer.cards.figures import figure_table, figures_of, model_index
from sie_agent.scorer.cards.text import code, licence_of, table_of
from sie_agent.scorer.label_errors import COLUMNS_FILE, FROM, LABEL_ERROR, LOG, TEXT, fault_in
from sie_agent.selection.recipe import read_recipe

# what `sie push` puts the repository's name in place of
PLACE = "OWNER/NAME"
UNSTATED = "unknown: whoever published this did not state it"
MODES = {
    "zero-shot": "zero-shot: it saw a judge's answers and the log, no human grade",
    "gold-calibrated": "gold-calibrated: the judge's scale was fitted on human grades",
    "reference-calibrated": "reference-calibrated: it also saw reference importance for some rows",
    "simulated": "simulated: the judge was simulated from human grades. Not for use",
}
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
INPUTS = (
    "| column | type | meaning |\n|---|---|---|\n"
    "| `query` | text | what the shopper typed |\n"
    "| `title` | text | title of the item |\n"
    "| `description` | text | of the item; empty where there is none |\n"
    "| `label` | 0 to 1, or NaN | what the log says of the pair (a click, a purchase) |\n"
)
LIMITS = """- It ranks rows of logs like the one it was distilled from. On another catalogue, language or kind of label,
  check it first: `sie run` measures agreement and downstream effect on your log, and may say "do not use".
- A judge that knows less than the model being trained does harm, and the scorer repeats the judge's mistakes.
- It does not judge relevance for ranking, people, or the quality of sellers.
"""
LABEL_ERRORS = f"""
`sie score` and `sie serve` also give `{LABEL_ERROR}`: how suspicious the log's label of a row is, 0 to 1. It orders
rows to look at; it is no probability. With `{COLUMNS_FILE}` beside the scorer's folder `sie score` also reads what
the log says of its own rows, and `{FROM}` is `{LOG}`; else it is `{TEXT}`.
"""
LOADING = f"""```python
import sie_agent
from huggingface_hub import snapshot_download

scorer = sie_agent.load_scorer(snapshot_download("{PLACE}"))
scores = scorer.predict(samples)  # sample_id, and a column per score
```
"""
ONNX = """
With onnxruntime alone, without this package:

```python
import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession("model.onnx")
rows = {
    "query": np.array(["desk lamp"], object),
    "title": np.array(["Brass desk lamp"], object),
    "description": np.array([""], object),
    "label": np.array([1.0], np.float32),  # NaN where the log says nothing
}
names = [output.name for output in session.get_outputs()]
scores = dict(zip(names, session.run(names, rows)))
```
"""


def scorer_card(config: Mapping[str, Any]) -> str:
    """README.md of a scorer folder: what it is, what goes in and comes out, where it is from, how to load it.

    Parameters
    ----------
    config : the folder's ``config.json``. Read are ``labels``, ``recipe`` and of ``about`` what `FACTS` names,
        ``versions``, ``license`` and ``agreement``, rows as in ``agreement.json``. All of it may be absent, and it may
        be of somebody else: what is malformed is left out, and nothing of it is shown as markup.

    Returns
    -------
    Markdown behind YAML front matter that ``huggingface_hub.ModelCard`` reads.
    """
    about = table_of(config.get("about"))
    named = config.get("labels")
    labels = [str(name) for name in named] if isinstance(named, list) else []
    figures = figures_of(about)
    parts = [
        front_matter(scorer_metadata(about, figures)),
        "# Importance scorer\n",
        "A small distilled model that says how much a logged row (query, item, label) matters to the ranking model "
        "that is trained on it. No language model runs when it scores. Made with the Python package "
        "`sie-agent` (`sie distill` or `sie run`).\n",
        f"It is {MODES.get(str(about.get('mode')), 'of a mode that was not recorded')}.\n",
        f"## Input\n{INPUTS}",
        "A row's scores depend on that row alone.\n",
        f"## Output\n{output_table(labels)}{label_error_text(config.get('label_errors'))}",
        f"## Recipe\n{recipe_text(config.get('recipe'))}",
        f"## Load\n{LOADING}{ONNX}",
        f"## Provenance\n{fact_table(about)}",
        f"## Agreement\n{figure_table(figures, about)}",
        "## Intended use\nChoosing, weighing and inspecting rows of a training log: `sie select`, `sie weights`, "
        "`sample_weight` of any trainer.\n",
        f"## Limits\n{LIMITS}",
        f"## Licence\n{code(licence_of(about)) or UNSTATED}.\n",
    ]
    return "\n".join(parts)


def labels_card(
    columns: Mapping[str, str], count: int, size: int, licence: str | None, kind: str, facts: Mapping[str, Any]
) -> str:
    """README.md of a labelled set, with what ``datasets.load_dataset`` needs to read ``data/train.parquet``.

    Parameters
    ----------
    columns : name to type (``string``, ``float64``); count : rows; size : bytes of the table in memory.
    licence : of the data, None where it was not said.
    kind : what the numbers are, a key of `KINDS`; facts : where they are from, as the manifest has it.
    """
    title, what, limits = KINDS[kind]
    metadata = {
        **({"license": licence} if licence else {}),
        "pretty_name": title,
        "tags": ["sie-agent", "sample-importance", *(["weak-supervision"] if kind == "weak labels" else [])],
        "size_categories": [size_category(count)],
        "configs": [{"config_name": "default", "data_files": [{"split": "train", "path": "data/train.parquet"}]}],
        "dataset_info": {
            "features": [{"name": name, "dtype": dtype} for name, dtype in columns.items()],
            "splits": [{"name": "train", "num_bytes": size, "num_examples": count}],
            "dataset_size": size,
        },
    }
    meanings = {**COLUMN_MEANINGS, **label_meanings()}
    rows = "".join(f"| `{name}` | {dtype} | {meanings.get(name, '')} |\n" for name, dtype in columns.items())
    parts = [
        front_matter(metadata),
        f"# {title}\n",
        f"{count:,} logged (query, item) rows (Python package `sie-agent`). {what}\n",
        f"## Columns\n| column | type | meaning |\n|---|---|---|\n{rows}",
        "Empty: not known for this row.\n\n## Load\n```python\nimport datasets\n\n"
        f'labels = datasets.load_dataset("{PLACE}", split="train")\n```\n',
        f"## Provenance\n{fact_table(facts)}",
        f"## Licence of the data\n{code(licence or '') or UNSTATED}.\n",
        f"## Limits\n{limits} They are no human annotations: they rank rows of this log for training, and do not "
        "measure the quality of items, sellers or shoppers.\n",
    ]
    return "\n".join(parts)


# of a labelled set: its title, what its numbers are, and what they are not
KINDS = {
    "weak labels": (
        "Sample importance labels",
        "Weak importance labels, made from a judge's answers and the log by `sie distill` or `sie run`.",
        "These are a judge's opinions put into numbers.",
    ),
    "scores": (
        "Sample importance scores",
        "Scores of a distilled scorer (`sie score`): a model's predictions of weak importance labels, not a judge's "
        "answers.",
        "These are a small model's predictions, with its errors beside those of the judge that it learned from.",
    ),
    "not recorded": (
        "Sample importance labels or scores",
        "Weak importance labels, or a distilled scorer's predictions of them: which of the two was not recorded.",
        "These are a judge's opinions put into numbers, or a model's predictions of such numbers.",
    ),
}
COLUMN_MEANINGS = {
    "sample_id": "id of the row in the log",
    "query": "what the shopper typed",
    "item_id": "id of the item in the log",
    "title": "title of the item",
    "description": "of the item",
    "label": "what the log says, 0 to 1",
}


def label_meanings() -> dict[str, str]:
    """What each weak label says of a row."""
    return {name: label.meaning for name, label in WEAK_LABELS.items()}


def front_matter(metadata: Mapping[str, Any]) -> str:
    """YAML between its fences."""
    return f"---\n{yaml.safe_dump(dict(metadata), sort_keys=False, allow_unicode=True)}---\n"


def scorer_metadata(about: Mapping[str, Any], figures: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The front matter of a scorer's card; a model index where figures are known."""
    licence = licence_of(about)
    return {
        "library_name": "sie-agent",
        **({"license": licence} if licence else {}),
        "pipeline_tag": "tabular-regression",
        "tags": ["sie-agent", "sample-importance", "e-commerce", "tabular-regression", "onnx"],
        **model_index(figures, about),
    }


def output_table(labels: Sequence[str]) -> str:
    """The weak labels that the scorer predicts, and what they mean."""
    meanings = label_meanings()
    rows = "".join(f"| {code(name)} | {meanings.get(name, '')} |\n" for name in labels)
    return f"| score | meaning |\n|---|---|\n{rows}"


def label_error_text(told: Any) -> str:
    """What the scorer gives beside its scores, where it tells wrong labels."""
    return "" if fault_in(told) else LABEL_ERRORS


def recipe_text(told: Any) -> str:
    """How the scores become weights and blended labels, as far as that was chosen."""
    try:
        recipe = None if told is None else read_recipe(told, "")
    except InputError:
        recipe = None
    if recipe is None:
        return "None: say to `sie weights` what to weigh by.\n"
    why = f": {code(recipe.why)}" if recipe.why else ""
    return f"What `sie weights` makes of the scores: {recipe.words}.\nChosen: {recipe.chosen}{why}.\n"


def fact_table(about: Mapping[str, Any]) -> str:
    """Where it is from, as far as that is known."""
    facts = [(said, about.get(key)) for key, said in FACTS.items()]
    facts += [(f"version of {code(name)}", version) for name, version in table_of(about.get("versions")).items()]
    told = [(said, code(value)) for said, value in facts if isinstance(value, str | int | float)]
    rows = "".join(f"| {said} | {value} |\n" for said, value in told if value)
    return f"| | |\n|---|---|\n{rows}" if rows else "Not recorded.\n"


def size_category(count: int) -> str:
    """The Hub's name for a number of rows."""
    names = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
    return next((name for below, name in names if count < below), "1M<n<10M" if count < 10_000_000 else "n>10M")
