"""What the second judge and the agent are asked: one table of answers for each configuration, as far as time allows."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from sie_agent.agent import AgentSettings, judge_hard_cases
from sie_agent.agent.settings import VARIANTS
from sie_agent.judging import Backend, JudgmentCache, judge, load_variant
from sie_agent.utils.progress import say

# tools that these data can answer: they name no departments and no shoppers
MEASURED = ("neighbours", "results", "spelling", "profile")
PROMPT_ALONE = "prompt-alone"
# of the judge itself, once it has answered all pairs
OWN = "own"
PORTION = 1_010
SETTLE = 0.5


@dataclass(frozen=True)
class Configuration:
    """One way to ask.

    Attributes
    ----------
    name : of the file of answers. judged : whose judgments say what is hard, and are shown of other pairs.
    tools : what may be looked up; none asks by the prompt with evidence and shows none.
    order : fixed, or as the model chooses. tests : how many test pairs are asked; all pairs, of tuning too, if None.
    """

    name: str
    judged: str = OWN
    tools: tuple[str, ...] = MEASURED
    order: str = "fixed"
    tests: int | None = None


def configurations(first: list[str], tests: int, chosen: int) -> list[Configuration]:
    """All of them, the most wanted first.

    Parameters
    ----------
    first : the first judges that the agent stands behind. tests, chosen : pairs for each tool, and where the model
        chooses.
    """
    made = [Configuration(f"agent-{OWN}")]
    made += [Configuration(f"agent-{name}", name) for name in first if name == "minilm"]
    made.append(Configuration(PROMPT_ALONE, tools=(), tests=tests))
    made += [Configuration(f"only-{tool}", tools=(tool,), tests=tests) for tool in MEASURED]
    made += [Configuration(f"without-{tool}", tools=without(tool), tests=tests) for tool in MEASURED]
    made.append(Configuration("order-model", order="model", tests=chosen))
    return made + [Configuration(f"agent-{name}", name) for name in reversed(first) if name != "minilm"]


def without(tool: str) -> tuple[str, ...]:
    """All tools but one."""
    return tuple(one for one in MEASURED if one != tool)


@dataclass
class Answers:
    """Where answers of a data set are kept, and who is asked.

    Attributes
    ----------
    folder : of the data set, from ``prepare``. one_pass : the variant of the second judge, and of its agent.
    stats : where the server says how long it computed; none if empty. ends : when to stop (time.time).
    """

    folder: Path
    backend: Backend
    cache: JudgmentCache
    one_pass: str
    stats: str = ""
    ends: float = float("inf")

    def all(self, wanted: list[Configuration]) -> bool:
        """Ask everything that is not there yet; whether all of it is."""
        rows, log = (pd.read_parquet(self.folder / f"{name}.parquet") for name in ("rows", "log"))
        if not self._own(rows):
            return False
        for one in wanted:
            asked = rows if one.tests is None else test_pairs(rows, one.tests)
            portions = list(portions_of(asked))
            for number, portion in enumerate(portions):
                made = self.folder / f"{one.name}-{number}-traces.parquet"
                if made.is_file():
                    continue
                if self.late:
                    say(f"{self.folder.name}: out of time before {one.name}, portion {number + 1} of {len(portions)}")
                    return False
                self._portion(one, portion, log, made)
        return True

    @property
    def late(self) -> bool:
        return time.time() > self.ends

    def _own(self, rows: pd.DataFrame) -> bool:
        """The one-pass judgments of all pairs; a portion at a time."""
        if (self.folder / f"ranked-{OWN}.parquet").is_file():
            return True
        tables = []
        for portion in portions_of(rows):
            if self.late:
                return False
            tables.append(self._measured("one-pass", lambda now=portion: self._ask(self.one_pass, now)))
        table = pd.concat(tables, ignore_index=True)
        # its own grades are on the scale that it is shown
        for name in ("first", "ranked"):
            table.to_parquet(self.folder / f"{name}-{OWN}.parquet")
        return True

    def _ask(self, variant: str, rows: pd.DataFrame) -> pd.DataFrame:
        return judge(rows, load_variant(variant), self.backend, self.cache)

    def _portion(self, one: Configuration, rows: pd.DataFrame, log: pd.DataFrame, made: Path) -> None:
        """Ask one portion, and write its answers, its traces last."""
        judged = pd.read_parquet(self.folder / f"ranked-{one.judged}.parquet")
        if not one.tools:
            shown = evidence_variant(self.backend)
            table = self._measured(one.name, lambda: self._ask(shown, rows.assign(evidence="")))
            traces = pd.DataFrame({"sample_id": table["sample_id"], "node": "judge", "tool": "", "evidence": ""})
            traces = traces.assign(
                calls=1, **{name: table[name] for name in ("input_tokens", "output_tokens", "cached")}
            )
        else:
            settings = AgentSettings(tools=one.tools, order=one.order, settle=SETTLE)
            found = self._measured(
                one.name,
                lambda: judge_hard_cases(rows, judged, self.backend, self.cache, settings, log=log),
            )
            table, traces = found.judgments, found.traces
        table.to_parquet(made.with_name(made.name.replace("-traces", "-answers")), compression="zstd")
        traces.to_parquet(made, compression="zstd")

    def _measured(self, name: str, ask: Any) -> Any:
        """Ask, and write down how long it took here and on the server."""
        before, started = self._counts(), time.time()
        found = ask()
        after = self._counts()
        told = {key: after[key] - before.get(key, 0) for key in after}
        line = {"name": name, "wall": round(time.time() - started, 3), "server": told}
        with (self.folder / "seconds.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        return found

    def _counts(self) -> dict[str, float]:
        if not self.stats:
            return {}
        with urllib.request.urlopen(self.stats, timeout=60) as response:
            counts: dict[str, float] = json.load(response)
        return counts


def evidence_variant(backend: Backend) -> str:
    """The variant that shows evidence, by what a backend can answer."""
    return VARIANTS[next(method for method in VARIANTS if method in backend.methods)]


def test_pairs(rows: pd.DataFrame, count: int) -> pd.DataFrame:
    """The pairs of the first so many test queries that make up *count* pairs."""
    test = rows[~rows["tuning"]]
    sizes = test.groupby("query", sort=False).size().cumsum()
    return test[test["query"].isin(sizes.index[(sizes <= count).to_numpy()])].reset_index(drop=True)


def portions_of(rows: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """A portion at a time."""
    for start in range(0, len(rows), PORTION):
        yield rows.iloc[start : start + PORTION].reset_index(drop=True)
