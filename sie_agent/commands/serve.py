"""``sie serve``: check what was given, load the scorer, serve, and sum up."""

from __future__ import annotations

import time
from collections.abc import Callable
from inspect import signature
from pathlib import Path
from typing import Any

from sie_agent.commands.verb import Option, Verb
from sie_agent.drift.settings import AdjustmentSettings
from sie_agent.files.paths import user_path
from sie_agent.serving.settings import Limits, read_token
from sie_agent.utils.counts import counted
from sie_agent.utils.extras import require_extra
from sie_agent.utils.values import check_values

EXTRA = ("fastapi", "uvicorn", "httptools", "prometheus_client")


def serve(
    scorer: str | Path,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    token_file: str | Path | None = None,
    no_token: bool = False,
    open_metrics: bool = False,
    limits: Limits | None = None,
    drain_seconds: float = 3.0,
    grace_seconds: float = 30.0,
    adjust: bool = True,
    adjustment: AdjustmentSettings | None = None,
    adjustment_file: str | Path | None = None,
    weigh_by: str = "auto",
    debug: bool = False,
    ready: Callable[[str], None] = lambda said: None,
) -> dict[str, Any]:
    """Serve a distilled scorer over HTTP: POST /v1/score, JSON or streamed NDJSON.

    Each row gets its scores and, by the scorer's recipe, a weight and a blended label. While it serves it compares live
    scores with those of the log that the scorer was distilled from, takes ranks for weights among the latest, and says
    at /v1/adjustment when to distill again.

    SIGTERM stops it once all that was accepted is answered; SIGHUP or POST /v1/reload loads the scorer again.

    Parameters
    ----------
    scorer : Folder that ``sie distill`` or ``sie run`` wrote.
    host : Address to listen on.
    port : Port to listen on; 0: a free one.
    token_file : File with the bearer token; otherwise SIE_SERVE_TOKEN.
    no_token : Answer whoever can reach the service, also from other machines.
    open_metrics : /metrics needs no token.
    limits : of bodies, batches, the queue and connections.
    drain_seconds : After SIGTERM, keep answering for S seconds while reporting not ready.
    grace_seconds : After that, give requests S seconds to finish.
    adjust : keep the live distribution of scores, take ranks for weights in it, and say when to distill again.
    adjustment : its windows and thresholds, and a strength of weights in place of the recipe's, also without *adjust*.
    adjustment_file : Keeps the live distributions over a restart.
    weigh_by : Weak label that weights are made of; auto: as the scorer's recipe says, none: every weight is 1.
    ready : told in words where the service listens, once it answers.
    debug : tell what the server does, and tracebacks.

    Returns
    -------
    ``address``, ``requests``, ``rows``, ``seconds``, ``scorer`` (version).

    Raises
    ------
    InputError : the scorer, the token or a limit is wrong.
    EnvironmentFailure : the address cannot be had, or the extra `serve` is missing.

    Examples
    --------
    >>> import signal
    >>> import sie_agent as sie
    >>> def stop(said: str) -> None:
    ...     signal.raise_signal(signal.SIGTERM)
    >>> result = sie.serve("runs/scorer", port=0, no_token=True, drain_seconds=0, ready=stop)
    >>> result["requests"]
    0
    """
    from sie_agent.outputs import File, Work, outputs
    from sie_agent.scorer import columns_path, scorer_folder

    check_values(scorer=scorer, host=host, port=port, token_file=token_file, weigh_by=weigh_by)
    check_values(drain_seconds=drain_seconds, grace_seconds=grace_seconds)
    require_extra("serve", *EXTRA)
    place = File("--adjustment-file", adjustment_file, state=True)
    folder = scorer_folder(user_path(scorer))
    reads = {"--scorer": folder, "the log columns of --scorer": columns_path(folder), "--token-file": token_file}
    with outputs(Work("serve", reads), place):
        token = read_token(token_file, host=host, none_wanted=no_token)
        from sie_agent.serving.app import create_app, make_state
        from sie_agent.serving.live import LiveAdjustment
        from sie_agent.serving.protocol import Engine, Observer
        from sie_agent.serving.server import Stopping, listen, run

        def observer(engine: Engine) -> Observer:
            file = None if adjustment_file is None else place.path
            return LiveAdjustment(getattr(engine, "config", {}), adjustment, file)

        weighing: dict[str, Any] = {"weigh_by": weigh_by, "observer": observer if adjust else None}
        weighing["strength"] = None if adjustment is None else adjustment.strength
        state = make_state(scorer, token=token, limits=limits, open_metrics=open_metrics, host=host, **weighing)
        listener = listen(host, port)
        address = f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}"
        guarded = "with a token" if token else "without a token"
        told = f"Scorer {state.loaded.version} at {address}, {guarded}. Ctrl-C or SIGTERM stops it."
        started, stopping = time.perf_counter(), Stopping(drain_seconds, grace_seconds)
        run(create_app(state), state, listener, stopping=stopping, ready=lambda: ready(told), debug=debug)
        return {
            "address": address,
            "requests": state.metrics.total("sie_requests"),
            "rows": state.metrics.total("sie_rows"),
            "seconds": round(time.perf_counter() - started, 1),
            "scorer": state.loaded.version,
            "exit_code": 0,
        }


def lines(result: dict[str, Any]) -> list[str]:
    """The result as it is printed."""
    requests, rows = counted(result["requests"], "request"), counted(result["rows"], "row")
    return [f"{requests}, {rows} in {result['seconds']:,.0f} s"]


VERB = Verb(
    serve,
    lines,
    examples=(
        "sie serve --scorer runs/scorer",
        "sie serve --scorer runs/scorer --weigh-by value --adjustment-file runs/adjustment.json",
        "sie serve --scorer runs/scorer --host 0.0.0.0 --token-file /run/secrets/sie-token --open-metrics",
    ),
    options={
        "host": Option("HOST"),
        "strength": Option(
            "A", "How far weights spread around 1, 0 leaves all at 1; by default as the recipe says, else 0.5."
        ),
        "adjust": Option(
            flag="--no-adjustment", help="No live distributions and no drift; weights by the recipe alone."
        ),
        "adjustment_file": Option("FILE.json"),
        "window": Option(help="Live rows that ranks for weights and drift are taken over."),
    },
    python_only=[name for name in signature(AdjustmentSettings).parameters if name not in ("window", "strength")],
)
