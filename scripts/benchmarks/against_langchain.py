"""Judgments per second and AUC of this project's judge and of a plain LangChain judge, on the same server and pairs.

    python scripts/benchmarks/against_langchain.py --base-url http://127.0.0.1:8136/v1 --model qwen --data homedepot

The plain judge is what a sensible user of LangChain would write: a prompt that describes the scale and asks for JSON
with a rationale and a grade, `ChatOpenAI`, `JsonOutputParser`, `.batch()` with the same number of requests at once.
In every round both judge the same pairs, of queries that no other round has; which of them goes first alternates.
The server's prefix cache may keep what the judges' own prompts begin with, as in any long run, unless
--empty-prefix-cache is given; no pair is judged twice and the prompts differ, so that neither gains from the other.
Grades are read after all is judged.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import numpy.typing as npt
import pandas as pd

from scripts.benchmarks.options import Options, guarded, report, whole
from scripts.benchmarks.scripted_server import ScriptedServer, serving
from scripts.benchmarks.shared import (
    median_with_interval,
    query_blocks,
    reset_prefix_cache,
    say,
    server_facts,
    started_manifest,
    write_figures,
)
from sie_agent.evaluation import interval, query_copies, resampled_rows, roc_auc
from sie_agent.files.manifest import version_of
from sie_agent.judging import JudgmentCache, judge, load_variant, make_backend
from sie_agent.samples import load_samples, without_grade
from sie_agent.utils.progress import set_quiet

RELEVANT_AT = 0.75  # of the grade in [0, 1]: 2.5 on Home Depot's scale of 1 to 3
BEST_GRADE = 3.0
REPLICATES = 2000
# what the scripted server of --smoke says to the plain judge
WRITTEN = '{"rationale": "the right kind", "grade": 3}'
PACKAGES = ("langchain", "langchain-core", "langchain-openai", "openai", "httpx", "httpx2")
INSTRUCTIONS = """You are an expert in e-commerce search relevance. Rate how relevant a product is to a shopper's \
search query on this scale:
0 = irrelevant: a different kind of product
1 = related, but not what was asked for
2 = the right kind of product, but it differs in brand, size, colour or specification
3 = an exact match for what the shopper wants

Respond only with a JSON object with two fields: "rationale", one or two short sentences that explain your rating, \
and "grade", an integer from 0 to 3."""
QUESTION = "Query: {query}\n\nProduct: {product}"

Doubles = npt.NDArray[np.float64]


def main() -> None:
    """Run the rounds, then evaluate."""
    arguments = parsed()
    set_quiet(True)
    if arguments.base_url is None:
        with serving(ScriptedServer(written=WRITTEN)) as port:
            arguments.base_url, arguments.model = f"http://127.0.0.1:{port}/v1", "scripted"
            compare(arguments)
    else:
        compare(arguments)


def compare(arguments: argparse.Namespace) -> None:
    """Judge with both, round by round, and write the figures."""
    samples = load_samples(arguments.data)
    share = arguments.pairs // arguments.rounds
    blocks = query_blocks(samples, share, arguments.rounds + 1, arguments.seed)
    warm_up = without_grade(blocks.pop().head(4))
    manifest = started_manifest(**{name: str(value) for name, value in vars(arguments).items()})
    plain = plain_judge(arguments)
    ours_on(warm_up, arguments)
    plain.judge(warm_up)
    rounds, tables = [], []
    for number, block in enumerate(blocks, start=1):
        seen = without_grade(block)
        order = ("ours", "langchain") if number % 2 else ("langchain", "ours")
        runs: dict[str, Any] = {}
        for name in order:
            if arguments.empty_prefix_cache and not reset_prefix_cache(arguments.base_url):
                raise SystemExit("the server did not empty its prefix cache: start it with VLLM_SERVER_DEV_MODE=1")
            started = time.perf_counter()
            scores, statuses = ours_on(seen, arguments) if name == "ours" else plain.judge(seen)
            seconds = time.perf_counter() - started
            runs[name] = {
                "seconds": seconds,
                "requests": len(scores),
                "judgments": int(np.isfinite(scores).sum()),
                "requests_per_second": len(scores) / seconds,
                "judgments_per_second": float(np.isfinite(scores).sum()) / seconds,
            }
            block = block.assign(**{name: scores, f"{name}_status": statuses})
        theirs = runs["langchain"]["judgments_per_second"]
        ratio = runs["ours"]["judgments_per_second"] / theirs if theirs else np.nan
        rounds.append({"round": number, "order": list(order), **runs, "ratio": ratio})
        tables.append(block.assign(round=number))
        say(f"round {number}: " + ", ".join(f"{name} {runs[name]['judgments_per_second']:.2f}/s" for name in runs))
    judged = pd.concat(tables, ignore_index=True)
    figures = {
        "benchmark": "this project's graded judge against a plain LangChain .batch() judge",
        "server": server_facts(arguments.base_url),
        "packages": {name: version_of(name) for name in PACKAGES},
        "prompt": {"system": INSTRUCTIONS, "human": QUESTION},
        "prefix_cache": "emptied before every run" if arguments.empty_prefix_cache else "as the runs before left it",
        "rounds": rounds,
        "ratio": median_with_interval([one["ratio"] for one in rounds]),
        "auc": quality(judged),
        "statuses": {name: judged[f"{name}_status"].value_counts().to_dict() for name in ("ours", "langchain")},
    }
    per_pair(judged).to_parquet(arguments.out / "langchain.parquet", index=False)
    write_figures(arguments.out / "langchain.json", manifest, figures)
    say(f"AUC {figures['auc']}")
    report(
        "judgments per second, and AUC, of this project's graded judge",
        median_with_interval([one["ratio"] for one in rounds]),
        "those of a plain LangChain .batch() judge on the same server and pairs",
    )


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = Options(__doc__, {"data": "sample", "pairs": 20, "rounds": 2, "concurrency": 4})
    parser.add_argument("--base-url", help="the running server; --smoke starts a scripted one")
    parser.add_argument("--model", help="its name for the model")
    parser.add_argument("--data", default="homedepot")
    parser.add_argument("--variant", default="relevance/graded")
    parser.add_argument("--pairs", type=whole(), default=240, help="in all rounds together")
    parser.add_argument("--rounds", type=whole(), default=5)
    parser.add_argument("--concurrency", type=whole(), default=16)
    parser.add_argument("--empty-prefix-cache", action="store_true", help="before every run: both judges start cold")
    parser.add_argument("--seed", type=whole(0), default=0)
    arguments = parser.read()
    if not arguments.smoke and not (arguments.base_url and arguments.model):
        parser.error("give --base-url and --model, or --smoke")
    if arguments.pairs < arguments.rounds:
        parser.error(f"--pairs: {arguments.pairs} pairs are fewer than {arguments.rounds} rounds")
    return arguments


def ours_on(samples: pd.DataFrame, arguments: argparse.Namespace) -> tuple[Doubles, list[str]]:
    """Scores and statuses by this project's judge, with a cache that has nothing in it."""
    variant = load_variant(arguments.variant)
    with tempfile.TemporaryDirectory() as folder, JudgmentCache(Path(folder) / "judgments.sqlite") as cache:
        backend = make_backend(
            "openai", model=arguments.model, base_url=arguments.base_url, concurrency=arguments.concurrency
        )
        judged = judge(samples, variant, backend, cache)
    return judged["score"].to_numpy(np.float64), judged["status"].tolist()


class PlainJudge:
    """The LangChain chain, made once."""

    def __init__(self, chain: Any, concurrency: int) -> None:
        self._chain = chain
        self._concurrency = concurrency

    def judge(self, samples: pd.DataFrame) -> tuple[Doubles, list[str]]:
        """Scores in [0, 1] (NaN where there is no usable grade) and statuses."""
        inputs = [
            {"query": query, "product": " | ".join(text for text in (title, description) if text)}
            for query, title, description in zip(
                samples["query"], samples["title"], samples["description"], strict=True
            )
        ]
        answers = self._chain.batch(inputs, config={"max_concurrency": self._concurrency}, return_exceptions=True)
        grades = [usable_grade(answer) for answer in answers]
        statuses = [status_of(answer, grade) for answer, grade in zip(answers, grades, strict=True)]
        return np.array([np.nan if grade is None else grade / BEST_GRADE for grade in grades]), statuses


def plain_judge(arguments: argparse.Namespace) -> PlainJudge:
    """Prompt, model, parser."""
    from langchain_core.output_parsers import JsonOutputParser
    from langchain_core.prompts import ChatPromptTemplate
    from langchain_openai import ChatOpenAI

    prompt = ChatPromptTemplate.from_messages([("system", INSTRUCTIONS), ("human", QUESTION)])
    settings: dict[str, Any] = {"api_key": "none", "temperature": 0.0, "max_tokens": 200}
    model = ChatOpenAI(model=arguments.model, base_url=arguments.base_url, **settings)
    return PlainJudge(prompt | model | JsonOutputParser(), arguments.concurrency)


def usable_grade(answer: Any) -> float | None:
    """The grade of a parsed answer; read generously: a number from 0 to 3, or one in quotes."""
    grade = answer.get("grade") if isinstance(answer, dict) else None
    if isinstance(grade, bool) or not isinstance(grade, int | float | str):
        return None
    try:
        number = float(grade)
    except ValueError:
        return None
    return number if 0.0 <= number <= BEST_GRADE else None


def status_of(answer: Any, grade: float | None) -> str:
    """``ok``, ``no-grade``, or the name of the exception."""
    if isinstance(answer, BaseException):
        return type(answer).__name__
    return "ok" if grade is not None else "no-grade"


def quality(judged: pd.DataFrame) -> dict[str, Any]:
    """AUC of relevance of both judges and its difference, over pairs that both answered, and over all pairs."""
    graded = judged[judged["grade"].notna()]
    both = graded[graded["ours"].notna() & graded["langchain"].notna()]
    filled = graded.assign(**{name: graded[name].fillna(graded[name].mean()) for name in ("ours", "langchain")})
    return {"answered_by_both": compared(both), "all_pairs": compared(filled)}


def compared(pairs: pd.DataFrame) -> dict[str, Any]:
    """AUC of both and the difference, with intervals of a paired bootstrap that resamples queries."""
    relevant = (pairs["grade"] >= RELEVANT_AT).to_numpy()
    scores = {name: pairs[name].to_numpy(np.float64) for name in ("ours", "langchain")}
    codes, names = pd.factorize(pairs["query"])
    facts: dict[str, Any] = {"pairs": len(pairs), "queries": len(names), "relevant": int(relevant.sum())}
    if relevant.all() or not relevant.any() or any(np.isnan(one).any() for one in scores.values()):
        return facts
    point = {name: roc_auc(score, relevant) for name, score in scores.items()}
    drawn = {name: np.empty(REPLICATES) for name in scores}
    for number, copies in enumerate(query_copies(len(names), REPLICATES, seed=0)):
        rows = resampled_rows(codes, copies)
        for name, score in scores.items():
            drawn[name][number] = roc_auc(score[rows], relevant[rows])
    facts |= {name: with_ends(point[name], drawn[name]) for name in scores}
    facts["difference"] = with_ends(point["ours"] - point["langchain"], drawn["ours"] - drawn["langchain"])
    return facts


def with_ends(value: float, drawn: Doubles) -> dict[str, float]:
    """A figure and its 95 % interval."""
    low, high = interval(drawn)
    return {"value": value, "low": low, "high": high}


def per_pair(judged: pd.DataFrame) -> pd.DataFrame:
    """Row ids and scores; no text and no grade of the data."""
    kept = judged[["sample_id", "round", "ours", "ours_status", "langchain", "langchain_status"]].copy()
    kept.insert(1, "query_number", pd.factorize(judged["query"])[0])
    return kept


if __name__ == "__main__":
    guarded(main)
