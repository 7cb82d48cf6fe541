"""The OpenAPI description: the examples, and what FastAPI cannot know because the service reads bodies itself."""

from __future__ import annotations

import json
from typing import Any

from fastapi import FastAPI

from sie_agent.drift.answer import AdjustmentAnswer
from sie_agent.drift.example import adjustment_example
from sie_agent.labels import WEAK_LABELS
from sie_agent.scorer import FROM, LABEL_ERROR, TEXT
from sie_agent.selection import BLENDED, WEIGHT
from sie_agent.serving.bodies import JSON, NDJSON
from sie_agent.serving.engine import Loaded
from sie_agent.serving.guard import OPEN
from sie_agent.serving.http_errors import HttpError
from sie_agent.serving.payloads import SAMPLE, ErrorAnswer, ScoreRequest
from sie_agent.serving.state import State

ABOUT = """Importance of rows of a shopping log, by a small distilled scorer: no language model, no gradient, no grade.

Every error has the form `{"error": {"code", "message", "field"}}`. Scores of one request come from one scorer; its
version is in the answer and in the header `x-sie-scorer`.

Any request may be refused before it reaches its path, with the connection closed: 400, 501 or 505 where it is not HTTP
that is understood, 408 where its headers do not come, 414 or 431 where they are too large, 429 or 503 with
`retry-after` where there are too many connections."""

EXAMPLE_SCORES = {"relevance": 0.83, "value": 0.33, "support": 0.83, "hardness": 0.17}
LINES_IN = '{"query": "oak table", "title": "Solid oak table", "label": 1}\n{"query": "", "title": "Lamp"}\n'
WRONG_LINE = HttpError(422, "invalid_request", "query: the query is empty", "query")
MEANINGS = {
    400: "Not in this version of HTTP",
    401: "No valid token",
    403: "Sent by a page of another site, or to another name, while no token is set",
    405: "Not with this method",
    408: "The body did not come",
    409: "The folder cannot be served; the old scorer goes on",
    413: "The body is too large",
    415: "Not this type",
    422: "The request is wrong",
    500: "The service failed",
    503: "Not now",
}
# one of each kind
ERRORS = (
    HttpError(400, "bad_request", "a stream needs HTTP/1.1: HTTP/1.0 has no chunks"),
    HttpError(401, "unauthorized", "a valid token is needed: Authorization: Bearer TOKEN"),
    HttpError(403, "forbidden", "without a token no page of another site is answered", "origin"),
    HttpError(405, "method_not_allowed", "this path does not take this method"),
    HttpError(408, "timeout", "the body, or the next line of a stream, did not come in time"),
    HttpError(409, "reload_refused", "scorer/model.onnx: part of the scorer is missing. The old scorer goes on."),
    HttpError(413, "too_large", "the body is larger than 2,097,152 bytes; send several requests"),
    HttpError(415, "unsupported_type", f"the content type must be {JSON} or {NDJSON}", "content-type"),
    HttpError(422, "invalid_request", "samples[3].title: the title is empty", "samples[3].title"),
    HttpError(422, "invalid_json", "Invalid JSON: EOF while parsing a value at line 1 column 0"),
    HttpError(422, "too_many_samples", "513 samples; at most 512 in one request", "samples"),
    HttpError(422, "unknown_label", f"the scorer does not give 'worth'; it gives {', '.join(WEAK_LABELS)}", "labels"),
    HttpError(500, "internal", "the scorer failed on these rows"),
    HttpError(503, "busy", "4,096 rows are waiting; at most 4,096 may"),
    HttpError(503, "draining", "the service is stopping"),
)


def failures(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Responses of a route that are errors, with an example of each."""
    found: dict[int | str, dict[str, Any]] = {}
    for status in statuses:
        errors = [error for error in ERRORS if error.status == status]
        examples = {error.code: {"value": {"error": error.as_dict()}} for error in errors}
        content = {JSON: {"examples": examples}}
        found[status] = {"model": ErrorAnswer, "description": MEANINGS[status], "content": content}
        if headers := {name: {"schema": {"type": "string"}} for error in errors for name in error.headers}:
            found[status]["headers"] = headers
    return found


def score_example(loaded: Loaded) -> dict[str, Any]:
    """An example of the scores of one row."""
    scores: dict[str, Any] = {label: EXAMPLE_SCORES.get(label, 0.5) for label in loaded.engine.labels}
    if loaded.recipe is not None:
        scores[WEIGHT] = 1.42
    if loaded.blends:
        scores[BLENDED] = 0.91
    if loaded.label_errors is not None:
        scores |= {LABEL_ERROR: 0.12, FROM: TEXT}
    return {"sample_id": "s1", **scores}


def examples_of(loaded: Loaded) -> dict[str, dict[str, Any]]:
    """An example for every schema."""
    score, scorer, error = score_example(loaded), loaded.described(), WRONG_LINE.as_dict()
    return {
        "Health": {"status": "ready"},
        "Fault": error,
        "ErrorAnswer": {"error": error},
        "ScoreRequest": {"samples": [SAMPLE], "labels": [loaded.engine.labels[0]]},
        "Score": score,
        "ScoreAnswer": {"scorer": loaded.version, "scores": [score]},
        "Scorer": scorer,
        "Reloaded": {"scorer": scorer, "changed": True},
    }


def score_body(loaded: Loaded) -> dict[str, Any]:
    """The two forms of a request, with examples that the service answers."""
    name = loaded.engine.labels[0]
    alone = {"samples": [{"query": "oak table", "title": "Solid oak table"}], "labels": [name]}
    whole = {
        "schema": {"$ref": "#/components/schemas/ScoreRequest"},
        "examples": {
            "one row": {"value": {"samples": [SAMPLE]}},
            f"{name} alone, of a row without label": {"value": alone},
        },
    }
    lines = {
        "schema": {"type": "string", "description": "One sample a line, as in `samples` of the JSON request."},
        "examples": {"two lines": {"value": LINES_IN}},
    }
    return {"required": True, "content": {JSON: whole, NDJSON: lines}}


def stream_answer(loaded: Loaded) -> dict[str, Any]:
    """The scores, as JSON or as lines."""
    lines = ({"line": 1, **score_example(loaded), "sample_id": "1"}, {"line": 2, "error": WRONG_LINE.as_dict()})
    text = "".join(f"{json.dumps(line)}\n" for line in lines)
    return {
        "description": "Scores, in the order of the rows",
        "headers": {"x-sie-scorer": {"schema": {"type": "string"}, "description": "Version of the scorer."}},
        "content": {NDJSON: {"schema": {"type": "string"}, "examples": {"two lines": {"value": text}}}},
    }


def adjustment_answer() -> dict[str, Any]:
    """The state of the drift watch."""
    content = {JSON: {"schema": AdjustmentAnswer.model_json_schema()}}
    return {"description": "How weights are adjusted now, and what has moved", "content": content}


def completed(app: FastAPI, state: State) -> dict[str, Any]:
    """The description with the request's schema, an example for every schema, limits, and the token if one is set."""
    described = app.openapi()
    schemas = described["components"]["schemas"]
    request = ScoreRequest.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(request.pop("$defs"))
    request["properties"]["samples"]["maxItems"] = state.limits.samples
    known = {"type": "string", "enum": list(state.loaded.engine.labels)}
    request["properties"]["labels"]["anyOf"][0]["items"] = known
    schemas["ScoreRequest"] = request
    for name, example in examples_of(state.loaded).items():
        if name in schemas:
            schemas[name]["examples"] = [example]
    if state.batcher.observer is not None:
        answer = described["paths"]["/v1/adjustment"]["get"]["responses"]["200"]
        # not earlier: the framework leaves out what is null
        answer["content"][JSON]["example"] = adjustment_example(state.loaded.engine.labels)
    if state.token is not None:
        described["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        for path, operations in described["paths"].items():
            if path not in OPEN and not (path == "/metrics" and state.open_metrics):
                for operation in operations.values():
                    operation["security"] = [{"token": []}]
    return described
