"""Judgments per second of this project's client and of a bare client that sends the very same requests.

    python scripts/benchmarks/throughput.py --base-url http://127.0.0.1:8135/v1 --model smol --concurrency 32
    python scripts/benchmarks/throughput.py --scripted --concurrency 32     the clients' own ceilings, no model

The requests are recorded first: the project's judge is pointed at a scripted server that keeps what comes over the
wire. In every round the bare client sends these bytes to the real server, so many at once, and reads and forgets the
answers; and `judge()` judges the same pairs, rendering, reading answers and writing a fresh cache on disk. Which of
them goes first alternates. The bare client is httpx with one pool of connections, or, with `--bare-client sockets`,
plain connections that are kept open: where the client and not the server is the limit, httpx is the slower one by far.
Before every run the server's prefix cache is emptied (vLLM with VLLM_SERVER_DEV_MODE=1); where it cannot be, each run
puts a number that no run had before at the head of the system text instead.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import httpx
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
from sie_agent.files.manifest import version_of
from sie_agent.judging import JudgmentCache, Variant, judge, load_variant, make_backend
from sie_agent.samples import load_samples, without_grade
from sie_agent.utils.progress import set_quiet

FEWEST_ROUNDS = 5
ANSWER_SECONDS = 600.0
WARM_UP_PAIRS = 8
# a server that runs on may still hold what an earlier benchmark sent
STARTED = int(time.time())
ARMS = ("bare", "ours")
PACKAGES = ("openai", "httpx", "httpx2")


@dataclass(frozen=True)
class Task:
    """What is judged, where."""

    samples: pd.DataFrame
    variant: Variant
    base_url: str
    model: str
    concurrency: int
    bare_client: str


def main() -> None:
    """Run the rounds."""
    arguments = parsed()
    set_quiet(True)
    with server_of(arguments) as (base_url, model):
        samples = without_grade(query_blocks(load_samples(arguments.data), arguments.pairs, 1, arguments.seed)[0])
        variant = load_variant(arguments.variant)
        task = Task(samples, variant, base_url, model, arguments.concurrency, arguments.bare_client)
        manifest = started_manifest(**{name: str(value) for name, value in vars(arguments).items()})
        empties = reset_prefix_cache(base_url)
        say(f"prefix cache: {prefix_cache(arguments.scripted, empties)}")
        warm = replace(task, samples=samples.head(WARM_UP_PAIRS))
        for arm in ARMS:
            run_arm(arm, warm, 0, empties)
        rounds = [one_round(number, task, empties) for number in range(1, arguments.rounds + 1)]
        figures = {
            "benchmark": "this project's client against a bare saturating asynchronous client, same requests",
            "bare_client": arguments.bare_client,
            "server": {"scripted": arguments.scripted, **server_facts(base_url)},
            "packages": {name: version_of(name) for name in PACKAGES},
            "prefix_cache": prefix_cache(arguments.scripted, empties),
            "rounds": rounds,
            "ratio": median_with_interval([one["ratio"] for one in rounds]),
            **{arm: median_with_interval([one[arm]["judgments_per_second"] for one in rounds]) for arm in ARMS},
        }
        say(f"ours / bare: {figures['ratio']}")
        name = "throughput-scripted.json" if arguments.scripted else "throughput.json"
        write_figures(arguments.out / name, manifest, figures)
        report(
            "judgments per second of this project's client",
            median_with_interval([one["ratio"] for one in rounds]),
            f"those of a bare {arguments.bare_client} client that sends the same bytes",
        )


def prefix_cache(scripted: bool, empties: bool) -> str:
    """What became of the server's prefix cache, in words."""
    if scripted:
        return "none: the server is scripted"
    return "emptied before every run" if empties else "cold: a number of its own in every run"


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = Options(__doc__, {"scripted": True, "pairs": 16, "concurrency": 4})
    parser.add_argument("--base-url", help="the running server; not needed with --scripted")
    parser.add_argument("--model", help="its name for the model")
    parser.add_argument("--scripted", action="store_true", help="a scripted server of its own, in another process")
    parser.add_argument("--data", default="sample")
    parser.add_argument("--variant", default="relevance/graded")
    parser.add_argument("--pairs", type=whole(), default=240)
    parser.add_argument("--rounds", type=whole(), default=FEWEST_ROUNDS)
    parser.add_argument("--concurrency", type=whole(), default=32)
    parser.add_argument("--bare-client", choices=BARE_CLIENTS, default="httpx")
    parser.add_argument("--seed", type=whole(0), default=0)
    arguments = parser.read()
    if not arguments.scripted and not (arguments.base_url and arguments.model):
        parser.error("give --base-url and --model, or --scripted")
    if arguments.rounds < FEWEST_ROUNDS:
        parser.error(f"at least {FEWEST_ROUNDS} rounds are needed for an interval")
    return arguments


def one_round(number: int, task: Task, empties: bool) -> dict[str, Any]:
    """Both arms once, the order by the round's number."""
    order = ARMS if number % 2 else ARMS[::-1]
    runs = {arm: run_arm(arm, task, 2 * number + place, empties) for place, arm in enumerate(order)}
    rates = {arm: runs[arm]["judgments_per_second"] for arm in ARMS}
    say(f"round {number}: " + ", ".join(f"{arm} {rates[arm]:.2f}/s" for arm in order))
    return {"round": number, "order": list(order), **runs, "ratio": rates["ours"] / rates["bare"]}


def run_arm(arm: str, task: Task, number: int, empties: bool) -> dict[str, Any]:
    """One run of one arm, timed from before its client exists until after its last answer."""
    variant = task.variant
    if not empties:
        variant = variant.model_copy(update={"system": f"Run {STARTED}-{number:04d}.\n{variant.system}"})
    elif not reset_prefix_cache(task.base_url):
        raise SystemExit("the server did not empty its prefix cache")
    bodies = recorded(task, variant)
    started = time.perf_counter()
    if arm == "ours":
        answered = ours(task, variant)
    else:
        send = BARE_CLIENTS[task.bare_client]
        answered = asyncio.run(send(bodies, task.base_url, task.concurrency))
    seconds = time.perf_counter() - started
    if answered != len(bodies):
        raise SystemExit(f"{arm}: {answered} answers to {len(bodies)} requests")
    return {"seconds": seconds, "requests": len(bodies), "judgments_per_second": answered / seconds}


async def bare_httpx(bodies: Sequence[bytes], base_url: str, concurrency: int) -> int:
    """Send the bodies with httpx, *concurrency* at once; how many were answered with 200."""
    waiting = iter(bodies)
    answered = 0
    limits = httpx.Limits(max_connections=concurrency, max_keepalive_connections=concurrency)
    async with httpx.AsyncClient(limits=limits, timeout=ANSWER_SECONDS) as client:

        async def send() -> None:
            nonlocal answered
            for body in waiting:
                reply = await client.post(
                    f"{base_url}/chat/completions", content=body, headers={"Content-Type": "application/json"}
                )
                await reply.aread()
                answered += reply.status_code == 200

        await asyncio.gather(*(send() for _ in range(concurrency)))
    return answered


async def bare_sockets(bodies: Sequence[bytes], base_url: str, concurrency: int) -> int:
    """The same over plain connections that are kept open: no client can do less."""
    waiting = iter(bodies)
    answered = 0
    address = urlsplit(base_url)
    head = f"POST {address.path}/chat/completions HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Type: application/json"

    async def send() -> None:
        nonlocal answered
        reader, writer = await asyncio.open_connection(address.hostname, address.port or 80)
        for body in waiting:
            writer.write(f"{head}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
            said = (await reader.readuntil(b"\r\n\r\n")).lower()
            await reader.readexactly(int(said.split(b"content-length:")[1].split(b"\r\n")[0]))
            answered += said.split(b" ", 2)[1] == b"200"
        writer.close()

    await asyncio.gather(*(send() for _ in range(concurrency)))
    return answered


BARE_CLIENTS = {"httpx": bare_httpx, "sockets": bare_sockets}


def ours(task: Task, variant: Variant) -> int:
    """Judge with a fresh cache on disk; how many distinct questions got a grade."""
    with tempfile.TemporaryDirectory() as folder, JudgmentCache(Path(folder) / "judgments.sqlite") as cache:
        backend = make_backend("openai", model=task.model, base_url=task.base_url, concurrency=task.concurrency)
        judged = judge(task.samples, variant, backend, cache)
    asked = judged[~judged["cached"]]
    # what is not a grade of the scale was answered all the same: a small model's mass may lie elsewhere
    return int(asked["status"].isin(["ok", "out-of-scale"]).sum())


def recorded(task: Task, variant: Variant) -> list[bytes]:
    """The bodies that this project's client sends for the task, in its order."""
    server = ScriptedServer(task.model, keep=True)
    with serving(server) as port, tempfile.TemporaryDirectory() as folder:
        backend = make_backend("openai", model=task.model, base_url=f"http://127.0.0.1:{port}/v1", concurrency=1)
        with JudgmentCache(Path(folder) / "judgments.sqlite") as cache:
            judge(task.samples, variant, backend, cache)
    for body in server.bodies:
        assert json.loads(body)["model"] == task.model
    return server.bodies


@contextmanager
def server_of(arguments: argparse.Namespace) -> Iterator[tuple[str, str]]:
    """Address and model of the server that was named, or of a scripted one in a process of its own."""
    if not arguments.scripted:
        yield arguments.base_url.rstrip("/"), arguments.model
        return
    context = multiprocessing.get_context("spawn")
    ours_end, its_end = context.Pipe()
    process = context.Process(target=serve_in_process, args=(its_end,), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ours_end.recv()}/v1", "scripted"
    finally:
        process.terminate()
        process.join()


def serve_in_process(connection: Any) -> None:
    """The body of the scripted server's process."""
    asyncio.run(ScriptedServer().serve(connection.send))


if __name__ == "__main__":
    guarded(main)
