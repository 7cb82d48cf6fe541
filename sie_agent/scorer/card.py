"""The cards of what is published: README.md of a scorer and of a labelled set, with the Hub's front matter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

# what `sie push` puts the repository's name in place of
PLACE = "OWNER/NAME"
UNSTATED = "unknown: whoever published this did not state it"
MEANINGS = {
    "hardness": "abs(y - r), 0 to 1: how far the log's label is from what the judge says; higher pulls harder",
    "support": "c · (0.5 - abs(y - r)), -0.5 to 0.5: how well the judge supports the log's label",
    "value": "influence of the row on judged pairs through proxy models, no unit: positive helps",
}
MODES = {
    "zero-shot": "zero-shot: it saw a judge's answers and the log, no human grade",
    "gold-calibrated": "gold-calibrated: the judge's scale was fitted on human grades",
    "reference-calibrated": "reference-calibrated: it also saw reference importance for some rows",
    "simulated": "simulated: the judge was simulated from human grades. Not for use",
}
FACTS = {
    "mode": "mode",
    "model": "judge",
    "variant": "prompt variant",
    "clarity": "clarity of queries",
    "pool_loss": "loss of the judged pool",
    "n_samples": "rows it was distilled from",
    "seed": "seed",
    "log_hash": "SHA-256 of the log (ids and labels)",
    "student": "kind of student",
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
ONNX = """
With onnxruntime alone, without this package. Letters beyond ASCII have to be in lower case; others need not be.

```python
import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession("{model}")
rows = {{
    "query": np.array(["desk lamp"], object),
    "title": np.array(["Brass desk lamp"], object),
    "description": np.array([""], object),
    "label": np.array([1.0], np.float32),  # NaN where the log says nothing
}}
names = [output.name for output in session.get_outputs()]
scores = dict(zip(names, session.run(names, rows)))
```
"""


def scorer_card(config: Mapping[str, Any]) -> str:
    """README.md of a scorer folder: what it is, what goes in and comes out, where it is from, how to load it.

    Parameters
    ----------
    config : the folder's ``config.json``. Read are ``labels``, ``sha256`` (the names of the files), ``about``
        (``mode``, ``model``, ``variant``, ``log_hash``, ``versions``, ``license``, ``agreement``: rows as in
        ``agreement.json``, and ``dataset``, the name of the data they are from). All of it may be absent.

    Returns
    -------
    Markdown behind YAML front matter that ``huggingface_hub.ModelCard`` reads.
    """
    about = dict(config.get("about") or {})
    labels = [str(name) for name in config.get("labels") or []]
    files = list(config.get("sha256") or {})
    figures = [row for row in about.get("agreement") or [] if row.get("value") is not None]
    parts = [
        front_matter(scorer_metadata(about, files, figures)),
        "# Importance scorer\n",
        "A small distilled model that says how much a logged row (query, item, label) matters to the ranking model "
        "that is trained on it. No language model runs when it scores. Made by `sie distill` of the Python package "
        "`sie-agent`.\n",
        f"It is {MODES.get(str(about.get('mode')), 'of a mode that was not recorded')}.\n",
        f"## Input\n{INPUTS}",
        "A row's scores depend on that row alone.\n",
        f"## Output\n{output_table(labels)}",
        f"## Load\n{loading(files)}",
        f"## Provenance\n{fact_table(about)}",
        f"## Agreement\n{figure_table(figures)}",
        "## Intended use\nChoosing, weighing and inspecting rows of a training log: `sie select`, `sie weights`, "
        "`sample_weight` of any trainer.\n",
        f"## Limits\n{LIMITS}",
        f"## Licence\n{about.get('license') or UNSTATED}.\n",
    ]
    return "\n".join(parts)


def labels_card(
    columns: Mapping[str, str], count: int, size: int, licence: str | None, judge: Mapping[str, Any]
) -> str:
    """README.md of a labelled set, with what ``datasets.load_dataset`` needs to read ``data/train.parquet``.

    Parameters
    ----------
    columns : name to type (``string``, ``float64``); count : rows; size : bytes of the table in memory.
    licence : of the data, None where it was not said; judge : who judged, from the manifest.
    """
    metadata = {
        **({"license": licence} if licence else {}),
        "pretty_name": "Sample importance labels",
        "tags": ["sie-agent", "sample-importance", "weak-supervision"],
        "size_categories": [size_category(count)],
        "configs": [{"config_name": "default", "data_files": [{"split": "train", "path": "data/train.parquet"}]}],
        "dataset_info": {
            "features": [{"name": name, "dtype": dtype} for name, dtype in columns.items()],
            "splits": [{"name": "train", "num_bytes": size, "num_examples": count}],
            "dataset_size": size,
        },
    }
    rows = "".join(f"| `{name}` | {dtype} | {COLUMN_MEANINGS.get(name, '')} |\n" for name, dtype in columns.items())
    parts = [
        front_matter(metadata),
        "# Sample importance labels\n",
        f"Weak importance labels of {count:,} logged (query, item) rows, made by `sie distill` from a judge's "
        "answers and the log (Python package `sie-agent`).\n",
        f"## Columns\n| column | type | meaning |\n|---|---|---|\n{rows}",
        f"Empty: there was no judgment.\n\n## Load\n```python\nimport datasets\n\n"
        f'labels = datasets.load_dataset("{PLACE}", split="train")\n```\n',
        f"## Provenance\n{fact_table(judge)}",
        f"## Licence of the data\n{licence or UNSTATED}.\n",
        "## Limits\nThese are a judge's opinions put into numbers, not human annotations: they rank rows of this log "
        "for training, and do not measure the quality of items, sellers or shoppers.\n",
    ]
    return "\n".join(parts)


COLUMN_MEANINGS = {
    "sample_id": "id of the row in the log",
    "query": "what the shopper typed",
    "item_id": "id of the item in the log",
    "title": "title of the item",
    "description": "of the item",
    "label": "what the log says, 0 to 1",
    **MEANINGS,
}


def front_matter(metadata: Mapping[str, Any]) -> str:
    """YAML between its fences."""
    return f"---\n{yaml.safe_dump(dict(metadata), sort_keys=False, allow_unicode=True)}---\n"


def scorer_metadata(
    about: Mapping[str, Any], files: Sequence[str], figures: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """The front matter of a scorer's card; a model index where figures are known."""
    tags = ["sie-agent", "sample-importance", "e-commerce", "tabular-regression"]
    metadata: dict[str, Any] = {"library_name": "sie-agent"}
    if about.get("license"):
        metadata["license"] = str(about["license"])
    metadata["pipeline_tag"] = "tabular-regression"
    metadata["tags"] = [*tags, *(["onnx"] if any(name.endswith(".onnx") for name in files) else [])]
    if figures:
        metadata["metrics"] = sorted({str(row["metric"]) for row in figures})
        metadata["model-index"] = [{"name": "importance-scorer", "results": [indexed(row, about) for row in figures]}]
    return metadata


def indexed(row: Mapping[str, Any], about: Mapping[str, Any]) -> dict[str, Any]:
    """A figure as the Hub's model index has it."""
    name = " ".join(str(row[key]) for key in ("label", "reference") if row.get(key))
    data = str(about.get("dataset") or "not named")
    return {
        "task": {"type": "tabular-regression", "name": "agreement with reference importance"},
        "dataset": {"type": data, "name": data},
        "metrics": [{"type": str(row["metric"]), "value": float(row["value"]), "name": f"{row['metric']} of {name}"}],
    }


def output_table(labels: Sequence[str]) -> str:
    """The weak labels that the scorer predicts, and what they mean."""
    rows = "".join(f"| `{name}` | {MEANINGS.get(name, '')} |\n" for name in labels)
    return f"| score | meaning |\n|---|---|\n{rows}\ny is the log's label, r the judged relevance, c clarity.\n"


def loading(files: Sequence[str]) -> str:
    """How the folder is loaded: with this package, and with onnxruntime alone where there is such a file."""
    text = (
        "```python\nimport sie_agent\nfrom huggingface_hub import snapshot_download\n\n"
        f'scorer = sie_agent.load_scorer(snapshot_download("{PLACE}"))\n'
        "scores = scorer.predict(samples)  # sample_id, and a column per score\n```\n"
    )
    model = next((name for name in files if name.endswith(".onnx")), None)
    if model is None:
        return text
    return text + ONNX.format(model=model)


def fact_table(about: Mapping[str, Any]) -> str:
    """Where it is from, as far as that is known."""
    facts = [(said, about[key]) for key, said in FACTS.items() if about.get(key) is not None]
    facts += [(f"version of {name}", version) for name, version in (about.get("versions") or {}).items()]
    if not facts:
        return "Not recorded.\n"
    return "| | |\n|---|---|\n" + "".join(f"| {said} | {one_cell(value)} |\n" for said, value in facts)


def one_cell(value: Any) -> str:
    """A fact as the text of a table's cell."""
    return " ".join(str(value).split()).replace("|", "\\|")


def figure_table(figures: Sequence[Mapping[str, Any]]) -> str:
    """Agreement with reference importance, where it was measured."""
    if not figures:
        return "Not measured for this scorer.\n"
    rows = ""
    for row in figures:
        low, high = row.get("ci_low"), row.get("ci_high")
        interval = f" [{low:.2f}, {high:.2f}]" if low is not None and high is not None else ""
        cells = [row.get("label", ""), row.get("reference", ""), row["metric"], f"{row['value']:.2f}{interval}"]
        rows += f"| {' | '.join(one_cell(cell) for cell in cells)} | {one_cell(row.get('mode', ''))} |\n"
    return (
        "On queries that the scorer never saw, with 95 % intervals.\n\n"
        f"| label | reference | metric | value | mode |\n|---|---|---|---|---|\n{rows}"
    )


def size_category(count: int) -> str:
    """The Hub's name for a number of rows."""
    names = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
    return next((name for below, name in names if count < below), "1M<n<10M" if count < 10_000_000 else "n>10M")
