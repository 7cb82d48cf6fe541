"""``sie serve``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from sie_agent.cli.options import examples
from sie_agent.cli.output import call, show, wishes
from sie_agent.cli.words import counted

EPILOG = examples(
    "sie serve --scorer runs/scorer",
    "sie serve --scorer runs/scorer --weigh-by value --adjustment-file runs/adjustment.json",
    "sie serve --scorer runs/scorer --host 0.0.0.0 --token-file /run/secrets/sie-token --open-metrics",
)


def command(
    scorer: Annotated[
        str, typer.Option("--scorer", help="Folder that `sie distill` or `sie run` wrote.", metavar="DIR")
    ],
    host: Annotated[str, typer.Option("--host", help="Address to listen on.", metavar="HOST")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help="Port to listen on; 0: a free one.")] = 8000,
    token_file: Annotated[
        str | None,
        typer.Option("--token-file", help="File with the bearer token; otherwise SIE_SERVE_TOKEN.", metavar="FILE"),
    ] = None,
    no_token: Annotated[
        bool, typer.Option("--no-token", help="Answer whoever can reach the service, also from other machines.")
    ] = False,
    open_metrics: Annotated[bool, typer.Option("--open-metrics", help="/metrics needs no token.")] = False,
    max_body: Annotated[
        int, typer.Option("--max-body", help="Largest JSON body, in bytes; streams have no limit.", metavar="N")
    ] = 2 * 2**20,
    max_samples: Annotated[
        int, typer.Option("--max-samples", help="Most rows of a request, and of a batch.", metavar="N")
    ] = 512,
    max_queue: Annotated[
        int, typer.Option("--max-queue", help="Most rows that wait; beyond it the answer is 503.", metavar="N")
    ] = 4096,
    weigh_by: Annotated[
        str,
        typer.Option(
            "--weigh-by",
            help="Weak label that weights are made of; auto: as the scorer's recipe says, none: every weight is 1.",
            metavar="LABEL",
        ),
    ] = "auto",
    strength: Annotated[
        float | None,
        typer.Option(
            "--strength",
            help="How far weights spread around 1, 0 leaves all at 1; by default as the recipe says, else 0.5.",
            metavar="A",
        ),
    ] = None,
    window: Annotated[
        int,
        typer.Option("--window", help="Live rows that ranks for weights and drift are taken over.", metavar="N"),
    ] = 4_000,
    adjustment_file: Annotated[
        str | None,
        typer.Option("--adjustment-file", help="Keeps the live distributions over a restart.", metavar="FILE.json"),
    ] = None,
    no_adjustment: Annotated[
        bool, typer.Option("--no-adjustment", help="No live distributions and no drift; weights by the recipe alone.")
    ] = False,
    drain_seconds: Annotated[
        float,
        typer.Option("--drain-seconds", help="After SIGTERM: answer, but not ready, for so long.", metavar="S"),
    ] = 3.0,
    grace_seconds: Annotated[
        float,
        typer.Option("--grace-seconds", help="After that: let requests finish for so long.", metavar="S"),
    ] = 30.0,
    max_connections: Annotated[
        int,
        typer.Option(
            "--max-connections",
            help="Most connections; fewer where file handles are. Beyond it the answer is 503.",
            min=1,
            metavar="N",
        ),
    ] = 1000,
    max_client_connections: Annotated[
        int | None,
        typer.Option(
            "--max-client-connections",
            help="Most connections of one address, by default half of all; then 429.",
            min=1,
            metavar="N",
        ),
    ] = None,
    probe_connections: Annotated[
        int,
        typer.Option(
            "--probe-connections",
            help="Further connections, on which only /healthz, /readyz and /metrics are answered.",
            min=1,
            metavar="N",
        ),
    ] = 32,
    max_requests: Annotated[
        int,
        typer.Option(
            "--max-requests",
            help="Most requests under way; beyond it the answer is 503.",
            min=1,
            metavar="N",
        ),
    ] = 1000,
    max_pipelined: Annotated[
        int,
        typer.Option(
            "--max-pipelined",
            help="Most requests that wait on one connection for the one before.",
            min=1,
            metavar="N",
        ),
    ] = 8,
    max_head: Annotated[
        int,
        typer.Option(
            "--max-head",
            help="Largest request line with headers, in bytes; beyond it 414 or 431.",
            min=256,
            metavar="N",
        ),
    ] = 32 * 2**10,
    max_headers: Annotated[
        int,
        typer.Option("--max-headers", help="Most header fields; beyond it 431.", min=1, metavar="N"),
    ] = 100,
    max_line: Annotated[
        int,
        typer.Option("--max-line", help="Longest line of a stream, in bytes.", min=1, metavar="N"),
    ] = 2**20,
    max_held: Annotated[
        int,
        typer.Option(
            "--max-held",
            help="Most bytes of bodies held at once; beyond it 503.",
            min=1,
            metavar="N",
        ),
    ] = 256 * 2**20,
    head_seconds: Annotated[
        float,
        typer.Option(
            "--head-seconds",
            help="For the headers of a request; then 408.",
            min=0.1,
            metavar="S",
        ),
    ] = 10.0,
    body_seconds: Annotated[
        float,
        typer.Option(
            "--body-seconds",
            help="For a whole JSON body, or one line of a stream; then 408.",
            min=0.1,
            metavar="S",
        ),
    ] = 30.0,
    stream_seconds: Annotated[
        float,
        typer.Option("--stream-seconds", help="Longest silence within a stream.", min=0.1, metavar="S"),
    ] = 60.0,
    write_seconds: Annotated[
        float,
        typer.Option(
            "--write-seconds",
            help="A client that takes nothing of its answer for so long is cut off.",
            min=0.1,
            metavar="S",
        ),
    ] = 30.0,
    keep_alive_seconds: Annotated[
        float,
        typer.Option(
            "--keep-alive-seconds",
            help="How long a connection may rest between requests.",
            min=0.1,
            metavar="S",
        ),
    ] = 75.0,
) -> None:
    """Serve a distilled scorer over HTTP: POST /v1/score, JSON or streamed NDJSON.

    Each row gets its scores and, by the scorer's recipe, a weight and a blended label. While it serves it compares live
    scores with those of the log that the scorer was distilled from, takes ranks for weights among the latest, and says
    at /v1/adjustment when to distill again.

    SIGTERM stops it once all that was accepted is answered; SIGHUP or POST /v1/reload loads the scorer again.
    """

    def work() -> dict[str, Any]:
        from sie_agent.commands.serve import serve
        from sie_agent.drift import AdjustmentSettings
        from sie_agent.serving import Limits
        from sie_agent.utils.progress import say
        from sie_agent.utils.values import check_values

        check_values(max_body=max_body, max_samples=max_samples, max_queue=max_queue, window=window, strength=strength)
        return serve(
            scorer,
            host=host,
            port=port,
            token_file=token_file,
            no_token=no_token,
            open_metrics=open_metrics,
            limits=Limits(
                body_bytes=max_body,
                line_bytes=max_line,
                held_bytes=max_held,
                samples=max_samples,
                queue_rows=max_queue,
                requests=max_requests,
                pipelined=max_pipelined,
                head_bytes=max_head,
                headers=max_headers,
                connections=max_connections,
                client_connections=max_client_connections,
                probe_connections=probe_connections,
                head_seconds=head_seconds,
                body_seconds=body_seconds,
                stream_seconds=stream_seconds,
                write_seconds=write_seconds,
                keep_alive_seconds=keep_alive_seconds,
            ),
            adjust=not no_adjustment,
            adjustment=AdjustmentSettings(window=window, strength=strength),
            adjustment_file=adjustment_file,
            weigh_by=weigh_by,
            drain_seconds=drain_seconds,
            grace_seconds=grace_seconds,
            debug=wishes.debug,
            ready=say,
        )

    result = call(work)
    told = f"{counted(result['requests'], 'request')}, {counted(result['rows'], 'row')}"
    show(result, [f"{told} in {result['seconds']:,.0f} s"])
