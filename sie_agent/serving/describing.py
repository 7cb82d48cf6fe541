"""The OpenAPI description: what FastAPI cannot know because the service reads bodies itself, and all examples."""

from __future__ import annotations

import json
from typing import Any

from fastapi import FastAPI

from sie_agent.drift.example import SHARE, adjustment_example, example_of
from sie_agent.labels import WEAK_LABELS, label_names
from sie_agent.scorer import FROM, LABEL_ERROR, TEXT
from sie_agent.selection import BLENDED, WEIGHT
from sie_agent.serving.bodies import JSON, NDJSON
from sie_agent.serving.engine import Loaded
from sie_agent.serving.guard import OPEN
from sie_agent.serving.schema import SAMPLE, ErrorAnswer, ScoreRequest
from sie_agent.serving.state import State

ABOUT = """Importance of rows of a shopping log, by a small distilled scorer: no language model, no gradient, no grade.

Every error has the form `{"error": {"code", "message", "field"}}`. Scores of one request come from one scorer; its
version is in the answer and in the header `x-sie-scorer`.

Any request may be refused before it reaches its path, with the connection closed: 400, 501 or 505 where it is no HTTP
that is understood, 408 where its headers do not come, 414 or 431 where they are too large, 429 or 503 with
`retry-after` where there are too many connections."""

SHA = "9f2c44d1a8be0c37d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c"
LINES_IN = '{"query": "oak table", "title": "Solid oak table", "label": 1}\n{"query": "", "title": "Lamp"}\n'
BAD_LINE = '{"code": "invalid_request", "message": "query: the query is empty", "field": "query"}'
EXAMPLES: dict[str, dict[str, Any]] = {
    "Health": {"status": "ready"},
    "Fault": {
        "code": "invalid_request",
        "message": "samples[3].title: the title is empty",
        "field": "samples[3].title",
    },
    "ErrorAnswer": {"error": {"code": "not_found", "message": "there is nothing at this path", "field": None}},
}
# status: what it means, and an error of each kind
FAILURES: dict[int, tuple[str, list[tuple[str, str, str | None]]]] = {
    401: ("No valid token", [("unauthorized", "a valid token is needed: Authorization: Bearer TOKEN", None)]),
    403: (
        "Sent by a page of another site, or to another name, while no token is set",
        [("forbidden", "without a token no page of another site is answered", "origin")],
    ),
    405: ("Not with this method", [("method_not_allowed", "this path does not take this method", None)]),
    400: ("Not in this version of HTTP", [("bad_request", "a stream needs HTTP/1.1: HTTP/1.0 has no chunks", None)]),
    408: (
        "The body did not come",
        [("timeout", "the body, or the next line of a stream, did not come in time", None)],
    ),
    409: (
        "The folder cannot be served; the old scorer goes on",
        [
            (
                "reload_refused",
                "scorer/model.onnx: part of the scorer is missing or damaged. The old scorer goes on.",
                None,
            )
        ],
    ),
    413: (
        "The body is too large",
        [("too_large", "the body is larger than 2,097,152 bytes; send several requests", None)],
    ),
    415: ("Not this type", [("unsupported_type", f"the content type must be {JSON} or {NDJSON}", "content-type")]),
    422: (
        "The request is wrong",
        [
            ("invalid_request", "samples[3].title: the title is empty", "samples[3].title"),
            ("invalid_json", "Invalid JSON: EOF while parsing a value at line 1 column 0", None),
            (
                "too_many_samples",
                "513 samples; at most 512 in one request. Send several requests, or a stream.",
                "samples",
            ),
            ("unknown_label", f"the scorer does not give 'worth'; it gives {', '.join(WEAK_LABELS)}", "labels"),
        ],
    ),
    500: ("The service failed", [("internal", "the scorer failed on these rows", None)]),
    503: (
        "Not now",
        [("busy", "4,096 rows are waiting; at most 4,096 may", None), ("draining", "the service is stopping", None)],
    ),
}


def failures(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Responses of a route that are errors, with an example of each."""
    found: dict[int | str, dict[str, Any]] = {}
    for status in statuses:
        meaning, kinds = FAILURES[status]
        examples = {
            code: {"value": {"error": {"code": code, "message": message, "field": field}}}
            for code, message, field in kinds
        }
        found[status] = {"model": ErrorAnswer, "description": meaning, "content": {JSON: {"examples": examples}}}
        if status == 503:
            found[status]["headers"] = {"retry-after": {"schema": {"type": "string"}, "description": "Seconds."}}
        if status == 401:
            found[status]["headers"] = {"www-authenticate": {"schema": {"type": "string"}}}
    return found


def score_example(loaded: Loaded) -> dict[str, Any]:
    """What the service could answer of a row."""
    scores = {name: example_of(name, SHARE) for name in loaded.engine.labels}
    weight = {} if loaded.recipe is None else {WEIGHT: 1.42}
    blended = {BLENDED: 0.91} if loaded.blends else {}
    suspicion = {} if loaded.label_errors is None else {LABEL_ERROR: 0.12, FROM: TEXT}
    return {"sample_id": "s1", **scores, **weight, **blended, **suspicion}


def one_label(loaded: Loaded) -> str:
    """A weak label to ask for."""
    return next(iter((*label_names(loaded.engine.labels, importance=True), *loaded.engine.labels)))


def examples_of(loaded: Loaded) -> dict[str, dict[str, Any]]:
    """An example for every schema."""
    score = score_example(loaded)
    scorer = {
        "version": SHA[:16],
        "sha256": SHA,
        "labels": list(loaded.engine.labels),
        "recipe": None if loaded.recipe is None else loaded.recipe.words,
        "label_error": loaded.label_errors is not None,
        "loaded": "2026-11-24T10:15:33+00:00",
    }
    return {
        **EXAMPLES,
        "ScoreRequest": {"samples": [SAMPLE], "labels": [one_label(loaded)]},
        "Score": score,
        "ScoreAnswer": {"scorer": SHA[:16], "scores": [score]},
        "Scorer": scorer,
        "Reloaded": {"scorer": scorer, "changed": True},
    }


def score_body(loaded: Loaded) -> dict[str, Any]:
    """The two forms of a request, with examples that the service answers."""
    name = one_label(loaded)
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
    first = json.dumps({"line": 1, **score_example(loaded), "sample_id": "1"})
    lines = f'{first}\n{{"line": 2, "error": {BAD_LINE}}}\n'
    return {
        "description": "Scores, in the order of the rows",
        "headers": {"x-sie-scorer": {"schema": {"type": "string"}, "description": "Version of the scorer."}},
        "content": {NDJSON: {"schema": {"type": "string"}, "examples": {"two lines": {"value": lines}}}},
    }


def adjustment_answer() -> dict[str, Any]:
    """The state of the adjustment; its figures are null until there has been a look."""
    described = "How weights are adjusted now; ADJUSTMENT.md explains each key"
    kinds = {"started": "string", "events": "integer", "mix": ["object", "null"]}
    properties = {name: {"type": kinds.get(name, "object")} for name in adjustment_example(())}
    schema = {"type": "object", "properties": properties}
    return {"description": described, "content": {JSON: {"schema": schema}}}


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
