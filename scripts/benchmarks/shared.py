"""What the benchmarks have in common: blocks of pairs, intervals over rounds, facts about the server."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd

from sie_agent.errors import InputError
from sie_agent.evaluation import interval
from sie_agent.files.manifest import Manifest, command_line, write_json

ROOT = Path(__file__).resolve().parents[2]
REPLICATES = 10_000
SECONDS = 30.0


def query_blocks(samples: pd.DataFrame, share: int, count: int, seed: int) -> list[pd.DataFrame]:
    """Disjoint blocks of whole queries, drawn without looking at any grade.

    Parameters
    ----------
    samples : a table of samples; of pairs with the same query and title the first counts.
    share : rows of a block, which takes whole queries until it has them and is then cut to them.
    count : how many blocks.
    seed : of the order in which queries are drawn.
    """
    samples = samples.drop_duplicates(["query", "title"]).reset_index(drop=True)
    queries = samples["query"].drop_duplicates().to_numpy(dtype=object)
    rows_of = samples.groupby("query", sort=False).indices
    blocks: list[pd.DataFrame] = []
    taken: list[int] = []
    for place in np.random.default_rng(seed).permutation(len(queries)):
        taken += rows_of[queries[place]].tolist()
        if len(taken) >= share:
            blocks.append(samples.iloc[taken[:share]].reset_index(drop=True))
            taken = []
            if len(blocks) == count:
                return blocks
    raise InputError(
        f"the data hold fewer than {count} blocks of {share} pairs",
        where="--pairs",
        hint="Ask for fewer pairs or rounds",
    )


def median_with_interval(values: Sequence[float], seed: int = 0) -> dict[str, float]:
    """Median, and its 95 % interval by a bootstrap over rounds; NaN where a round has no value."""
    array = np.asarray(values, np.float64)
    drawn = np.random.default_rng(seed).integers(len(array), size=(REPLICATES, len(array)))
    low, high = interval(np.median(array[drawn], axis=1))
    return {"median": float(np.median(array)), "low": low, "high": high}


def root_of(base_url: str) -> str:
    """The server's address without ``/v1``."""
    return base_url.rstrip("/").removesuffix("/v1")


def reset_prefix_cache(base_url: str) -> bool:
    """Empty vLLM's prefix cache; False where the server cannot (it needs VLLM_SERVER_DEV_MODE=1)."""
    try:
        reply = httpx.post(f"{root_of(base_url)}/reset_prefix_cache", timeout=SECONDS)
        said = reply.json() if reply.content else {}
    except (httpx.HTTPError, ValueError):
        return False
    return reply.status_code == 200 and (not isinstance(said, dict) or said.get("success", True) is True)


def server_facts(base_url: str) -> dict[str, Any]:
    """Version and list of models, as the server states them."""
    facts: dict[str, Any] = {}
    for name, url in (("version", f"{root_of(base_url)}/version"), ("models", f"{root_of(base_url)}/v1/models")):
        try:
            said = httpx.get(url, timeout=SECONDS).json()
        except (httpx.HTTPError, ValueError):
            continue
        if name == "models":
            kept = ("id", "max_model_len", "owned_by")
            said = [{key: entry.get(key) for key in kept} for entry in said.get("data", [])]
        facts[name] = said
    return facts


def started_manifest(**settings: Any) -> Manifest:
    """The manifest of a benchmark that begins now."""
    program = Path(sys.argv[0]).resolve()
    folder = program.parent.relative_to(ROOT) if program.is_relative_to(ROOT) else Path()
    manifest = Manifest(f"python {folder / command_line()}")
    manifest.extra = {"settings": settings, "load_at_start": [round(load, 2) for load in os.getloadavg()]}
    return manifest


def say(text: str) -> None:
    """Progress goes to standard error; figures go into the file."""
    print(text, file=sys.stderr, flush=True)


def write_figures(path: Path, manifest: Manifest, figures: dict[str, Any]) -> None:
    """The manifest with the figures, as one JSON file."""
    write_json(path, {**manifest.as_dict(), **figures})
    say(f"Written: {path}")
