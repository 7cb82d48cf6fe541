"""The FastAPI application and its routes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from sie_agent.serving.bodies import JSON, NDJSON, content_type
from sie_agent.serving.guard import STREAM, Guard
from sie_agent.serving.http_errors import HttpError
from sie_agent.serving.openapi import ABOUT, adjustment_answer, completed, failures, score_body, stream_answer
from sie_agent.serving.payloads import Health, Reloaded, ScorerInfo, answer_model
from sie_agent.serving.protocol import Observer
from sie_agent.serving.scoring import score_lines, score_request
from sie_agent.serving.state import State, make_state
from sie_agent.version import __version__

__all__ = ["create_app", "make_state"]

VERSION_HEADER = "x-sie-scorer"
SAVE_SECONDS = 60
METRICS_SECONDS = 1.0
UNROUTED = {
    404: ("not_found", "there is nothing at this path"),
    405: ("method_not_allowed", "this path does not take this method"),
}


class DuplexResponse(StreamingResponse):
    """An answer that is sent while its request is still being read.

    Starlette's own listens for a client that disconnects, and would take parts of the body from the reader.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[f"sie.{STREAM}"] = True
        await self.stream_response(send)


def create_app(state: State) -> FastAPI:
    """Build the application for a state."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        saving = asyncio.create_task(save_now_and_then(state))
        yield
        saving.cancel()
        await state.batcher.save()
        state.batcher.close()

    app = FastAPI(
        title="sie serve",
        version=__version__,
        description=ABOUT,
        # the documentation pages load scripts from other hosts
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    app.add_middleware(Guard, state=state)
    app.add_exception_handler(HTTPException, refuse_unrouted)
    add_probes(app, state)
    add_scoring(app, state)
    if state.batcher.observer is not None:
        add_adjustment(app, state, state.batcher.observer)
    app.openapi_schema = completed(app, state)
    return app


async def save_now_and_then(state: State) -> None:
    """Save the observer's state every minute, so that a crash loses no more than that."""
    while True:
        await asyncio.sleep(SAVE_SECONDS)
        await state.batcher.save()


def add_probes(app: FastAPI, state: State) -> None:
    """Routes for monitoring: /healthz, /readyz and /metrics."""

    @app.head("/healthz", include_in_schema=False)
    @app.get("/healthz", response_model=Health, tags=["watching"], responses=failures(405))
    async def healthz() -> Response:
        """The process is alive."""
        return JSONResponse({"status": "alive"})

    @app.head("/readyz", include_in_schema=False)
    @app.get("/readyz", response_model=Health, tags=["watching"], responses=failures(405, 503))
    async def readyz() -> Response:
        """The scorer is loaded and the service is not stopping."""
        if state.draining:
            raise HttpError(503, "draining", "the service is stopping")
        return JSONResponse({"status": "ready"})

    metrics: dict[int | str, dict[str, Any]] = {
        200: {"content": {"text/plain": {"schema": {"type": "string"}, "example": "sie_rows_total 12.0"}}},
        **failures(405, *(() if state.token is not None and state.open_metrics else (state.unknown_status,))),
    }

    @app.get("/metrics", response_class=Response, tags=["watching"], responses=metrics)
    async def show_metrics() -> Response:
        """Figures for Prometheus."""
        state.metrics.under_way.set(state.under_way)
        if (observer := state.batcher.observer) is not None:
            try:
                # between two batches; a slow model must not hide the other figures
                async with asyncio.timeout(METRICS_SECONDS):
                    figures = await state.batcher.in_thread(lambda: tuple(observer.metrics()))
                state.metrics.observed.figures = figures
            except TimeoutError:
                state.metrics.observer_late.inc()
            except Exception as error:
                state.batcher.note("observer", error)
        return Response(generate_latest(state.metrics.registry), media_type=CONTENT_TYPE_LATEST)


def add_scoring(app: FastAPI, state: State) -> None:
    """Routes for scoring: /v1/score, /v1/scorer and /v1/reload."""
    unknown = state.unknown_status

    @app.post(
        "/v1/score",
        response_model=answer_model(state.loaded.engine.labels),
        tags=["scoring"],
        openapi_extra={"requestBody": score_body(state.loaded)},
        responses={200: stream_answer(state.loaded), **failures(unknown, 400, 405, 408, 413, 415, 422, 500, 503)},
    )
    async def score(request: Request) -> Response:
        """Score rows: a JSON request at once, or a stream of NDJSON lines answered line by line."""
        if content_type(request) == NDJSON:
            return stream(request, state)
        body, loaded = await score_request(request, state)
        return Response(body, media_type=JSON, headers={VERSION_HEADER: loaded.version})

    @app.get("/v1/scorer", response_model=ScorerInfo, tags=["scoring"], responses=failures(unknown, 405))
    async def scorer() -> Response:
        """Which scorer answers."""
        return JSONResponse(state.loaded.described())

    @app.post("/v1/reload", response_model=Reloaded, tags=["scoring"], responses=failures(unknown, 405, 409))
    async def reload() -> Response:
        """Reload the scorer's folder. A damaged or newer scorer is refused, and the old one keeps answering."""
        changed = await state.reload()
        return JSONResponse({"scorer": state.loaded.described(), "changed": changed})


def add_adjustment(app: FastAPI, state: State, observer: Observer) -> None:
    """The route that shows the drift watch."""

    answers = {200: adjustment_answer(), **failures(state.unknown_status, 405)}

    @app.get("/v1/adjustment", response_class=JSONResponse, tags=["scoring"], responses=answers)
    async def adjustment() -> Response:
        """How weights are adjusted now."""
        # an observer is only ever called from the thread of the model, so that it needs no locks
        return JSONResponse(dict(await state.batcher.in_thread(observer.state)))


def stream(request: Request, state: State) -> Response:
    """The answer to a stream; one scorer answers all of it. HttpError 503 where the queue is full already."""
    if request.scope["http_version"] == "1.0":
        raise HttpError(400, "bad_request", "a stream needs HTTP/1.1: HTTP/1.0 has no chunks")
    if not state.batcher.has_room(1):
        raise state.batcher.full()
    loaded = state.loaded
    return DuplexResponse(
        score_lines(request, state, loaded), media_type=NDJSON, headers={VERSION_HEADER: loaded.version}
    )


async def refuse_unrouted(request: Request, error: Exception) -> Response:
    """Answer what the framework refuses (unknown paths and methods) in the common form of errors."""
    if not isinstance(error, HTTPException):
        raise error
    code, message = UNROUTED.get(error.status_code, ("refused", "the request was refused"))
    raise HttpError(error.status_code, code, message, headers=error.headers)
