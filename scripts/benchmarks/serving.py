"""Latency of `sie serve` at a steady rate, against the same application over an engine that returns a constant.

    python scripts/benchmarks/serving.py                          a tiny scorer, made of the shipped sample
    python scripts/benchmarks/serving.py --scorer runs/scorer     a scorer of your own

Open loop: every request has a time at which it is to be sent, whatever became of those before it, and its latency is
counted from that time, so that a service that stalls is charged for all who had to wait (Tene 2015, "coordinated
omission"). Both services are processes of their own with the same middleware, validation, queue and thread; they
differ in the engine, and in the adjustment that `sie serve` keeps beside it. Rounds alternate between them, the one
after the other, and who goes first alternates too; the ratio is taken within a round. Client and services share this
machine's cores.

The highest rate is the last of a rising series at which the 99th percentile, the median of three runs, is under 50 ms
and nothing failed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import pandas as pd

from scripts.benchmarks.options import Options, guarded, positive, report, whole
from scripts.benchmarks.shared import median_with_interval, say, started_manifest, write_figures
from scripts.benchmarks.synthetic_log import made_scorer
from sie_agent.files.manifest import version_of
from sie_agent.labels import label_names
from sie_agent.samples import load_samples
from sie_agent.utils.progress import set_quiet

PACKAGES = ("fastapi", "uvicorn", "uvloop", "httptools", "pydantic", "onnxruntime")
BOUND_MS = 50.0
RUNS_PER_RATE = 3
ARMS = ("constant", "scorer")


class Constant:
    """The fastest engine there can be."""

    labels = label_names()

    def score(self, query: Sequence[str], title: Any, description: Any, label: Any) -> dict[str, Any]:
        return {name: np.full(len(query), 0.25) for name in self.labels}


def serve(folder: Path, engine: str) -> None:
    """The process of a service; says its port."""
    from sie_agent.serving import LiveAdjustment, Stopping, create_app, listen, make_state, run

    if engine == "scorer":
        state = make_state(folder, observer=lambda loaded: LiveAdjustment(getattr(loaded, "config", {})))
    else:
        state = make_state(folder, loader=lambda found: Constant())
    listener = listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    run(create_app(state), state, listener, stopping=Stopping(0.0), ready=lambda: print(port, flush=True))


@contextmanager
def running(folder: Path, engine: str) -> Iterator[int]:
    """A service in a process of its own; its port."""
    # it writes nothing, and without a folder of its own it would make that of the results
    command = [sys.executable, __file__, "--serve", engine, "--scorer", str(folder), "--out", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline())
    finally:
        process.terminate()
        process.wait(60)


class Connection(asyncio.Protocol):
    """A connection that is kept open, with one request under way at a time."""

    def __init__(self) -> None:
        self.received = b""
        self.answer: asyncio.Future[int] | None = None
        self.transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, found, body = self.received.partition(b"\r\n\r\n")
        if not found or self.answer is None:
            return
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        if len(body) >= length:
            self.received = b""
            status, answer, self.answer = int(head[9:12]), self.answer, None
            if not answer.done():
                answer.set_result(status)

    def connection_lost(self, error: Exception | None) -> None:
        if self.answer is not None and not self.answer.done():
            self.answer.set_result(0)

    def request(self, raw: bytes) -> asyncio.Future[int]:
        """Send a request; the status of its answer, 0 where the connection was lost."""
        self.answer = asyncio.get_running_loop().create_future()
        self.transport.write(raw)
        return self.answer


@dataclass
class Load:
    """What an open-loop run found: (n,) latencies in seconds from the intended times, and answers that were not 200."""

    seconds: list[float]
    failed: int

    def summary(self) -> dict[str, float]:
        """Percentiles in ms."""
        p50, p99 = np.quantile(np.array(self.seconds) * 1000, (0.5, 0.99)).tolist()
        return {"p50_ms": round(p50, 3), "p99_ms": round(p99, 3), "requests": len(self.seconds), "failed": self.failed}


async def open_loop(port: int, requests: Sequence[bytes], rate: float, seconds: float) -> Load:
    """Send requests at a steady rate, over as many connections as are needed."""
    loop = asyncio.get_running_loop()
    idle: list[Connection] = []
    found = Load([], 0)

    async def one(raw: bytes, due: float) -> None:
        connection = idle.pop() if idle else (await loop.create_connection(Connection, "127.0.0.1", port))[1]
        status = await connection.request(raw)
        found.seconds.append(time.perf_counter() - due)
        found.failed += status != 200
        if status:
            idle.append(connection)

    tasks = set()
    started = time.perf_counter() + 0.05
    for number in range(int(rate * seconds)):
        due = started + number / rate
        # the loop's own timers are too coarse for a millisecond
        while (wait := due - time.perf_counter()) > 0:
            await asyncio.sleep(wait - 0.001 if wait > 0.002 else 0)
        tasks.add(task := loop.create_task(one(requests[number % len(requests)], due)))
        task.add_done_callback(tasks.discard)
    await asyncio.gather(*tasks)
    for connection in idle:
        connection.transport.close()
    return found


def measured(port: int, requests: Sequence[bytes], rate: float, seconds: float) -> Load:
    """:func:`open_loop` on the event loop that the services use too."""
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(open_loop(port, requests, rate, seconds))


def raw_requests(samples: pd.DataFrame, rows: int, count: int) -> list[bytes]:
    """Requests of so many rows, as bytes."""
    names = ["sample_id", "query", "title", "description", "label"]
    records = json.loads(samples[names].to_json(orient="records"))
    found = []
    for number in range(count):
        chosen = [records[(number * rows + place) % len(records)] for place in range(rows)]
        body = json.dumps({"samples": chosen}).encode()
        head = "POST /v1/score HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
        found.append(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
    return found


def steady(ports: dict[str, int], requests: list[bytes], arguments: argparse.Namespace) -> dict[str, Any]:
    """Rounds at the asked rate, and what they say together."""
    rounds: list[dict[str, Any]] = []
    for number in range(arguments.rounds):
        one: dict[str, Any] = {}
        for arm in ARMS if number % 2 == 0 else ARMS[::-1]:
            one[arm] = measured(ports[arm], requests, arguments.rate, arguments.seconds).summary()
        for name in ("p50", "p99"):
            one[f"{name}_ratio"] = round(one["scorer"][f"{name}_ms"] / one["constant"][f"{name}_ms"], 4)
        say(f"  round {number + 1}: {one}")
        rounds.append(one)
    together: dict[str, Any] = {"rounds": rounds}
    for name in ("p50", "p99"):
        together[f"{name}_ratio"] = median_with_interval([one[f"{name}_ratio"] for one in rounds])
        for arm in ARMS:
            together[f"{arm}_{name}_ms"] = median_with_interval([one[arm][f"{name}_ms"] for one in rounds])
    return together


def highest_rate(port: int, requests: list[bytes], seconds: float) -> dict[str, Any]:
    """Rising rates, each a quarter above the last, until the median over runs of the 99th percentile is too high."""
    rate, best, tried = 100.0, 0.0, []
    while True:
        runs = [measured(port, requests, rate, seconds).summary() for _ in range(RUNS_PER_RATE)]
        p99 = float(np.median([run["p99_ms"] for run in runs]))
        tried.append({"rate": round(rate), "median_p99_ms": p99, "runs": runs})
        if p99 > BOUND_MS or any(run["failed"] for run in runs):
            return {"requests_per_second": round(best), "bound_ms": BOUND_MS, "tried": tried}
        best, rate = rate, rate * 1.25


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = Options(__doc__, {"rate": 20.0, "seconds": 0.5, "rounds": 2, "rows": [1], "highest": False})
    parser.add_argument("--scorer", type=Path, help="folder of a scorer; made of the shipped sample when not given")
    parser.add_argument("--rate", type=positive, default=200.0, help="requests per second")
    parser.add_argument("--seconds", type=positive, default=10.0, help="of one run")
    parser.add_argument("--rounds", type=whole(), default=7, help="of both services")
    parser.add_argument("--rows", type=whole(), nargs="+", default=[1, 16], help="rows of a request")
    parser.add_argument("--serve", choices=ARMS, help=argparse.SUPPRESS)
    parser.set_defaults(highest=True)
    return parser.read()


def main() -> None:
    """Run the rounds."""
    arguments = parsed()
    if arguments.serve:
        serve(arguments.scorer, arguments.serve)
        return
    set_quiet(True)
    samples = load_samples("sample")
    samples = samples.assign(label=(samples["grade"] >= 0.5).astype(float))
    settings = {name: str(value) for name, value in vars(arguments).items() if name not in ("serve", "highest")}
    manifest = started_manifest(**settings)
    figures: dict[str, Any] = {
        "benchmark": "p50 and p99 of sie serve, open loop on loopback, and of the same app over a constant engine",
        "packages": {name: version_of(name) for name in PACKAGES},
    }
    with tempfile.TemporaryDirectory() as folder:
        scorer = arguments.scorer or made_scorer(samples, Path(folder) / "scorer")
        with running(scorer, "scorer") as port, running(scorer, "constant") as other:
            ports = {"scorer": port, "constant": other}
            for rows in arguments.rows:
                say(f"{rows} rows per request")
                requests = raw_requests(samples, rows, 500)
                for each in ports.values():
                    measured(each, requests, arguments.rate, 2.0)
                figures[f"rows_{rows}"] = {
                    "steady": steady(ports, requests, arguments),
                }
                say(f"  p99 ratio {figures[f'rows_{rows}']['steady']['p99_ratio']}")
                if arguments.highest:
                    seconds = min(arguments.seconds, 3.0)
                    figures[f"rows_{rows}"]["highest_rate"] = highest_rate(port, requests, seconds)
                    say(f"  highest rate {figures[f'rows_{rows}']['highest_rate']['requests_per_second']}/s")
    write_figures(arguments.out / "serving.json", manifest, figures)
    report(
        f"99th percentile of the latency of `sie serve`, requests of {arguments.rows[0]} rows",
        figures[f"rows_{arguments.rows[0]}"]["steady"]["p99_ratio"],
        "that of the same application over an engine that returns a constant",
    )


if __name__ == "__main__":
    guarded(main)
