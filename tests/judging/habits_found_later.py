"""Habits that a tester found who knew the others: grades that were never said, pairs lost to words, long pauses."""

from __future__ import annotations

import json

from .habit import (
    LETTERS,
    WRITTEN,
    Asked,
    Habit,
    always,
    hits,
    passes,
    refusal,
    refuses,
    right,
    says,
    tells,
    text_of,
    where,
    written,
)
from .habit import turns as each
from .habits_of_answers import OTHERS, tokens
from .scripted_server import Reply, events, spoken

STREAM = {"Content-Type": "text/event-stream"}
GUARDED = "Blocked by company policy DLP-7."


def with_text(asked: Asked, text: str) -> Reply:
    body = spoken(asked.body, text_of(asked))
    body["choices"][0]["message"]["content"] = text
    return Reply(body=body)


def thinking(asked: Asked) -> Reply:
    """Thoughts kept apart, which are cut off in the middle of a draft unless there is much room."""
    if asked.body.get("max_tokens", 0) < 1000:
        body = spoken(asked.body, "")
        body["choices"][0] |= {"finish_reason": "length"}
        body["choices"][0]["message"] = {"role": "assistant", "content": None, "reasoning_content": OTHERS}
        return Reply(body=body)
    body = spoken(asked.body, written(asked.grade))
    body["choices"][0]["message"]["reasoning_content"] = OTHERS
    return Reply(body=body)


def broken_stream(asked: Asked) -> Reply:
    """A stream that ends in the middle, without a word."""
    whole = events({"model": "m", **spoken(asked.body, text_of(asked))})
    return Reply(body=whole.split(b'"finish_reason": "stop"')[0].rsplit(b"data:", 1)[0], headers=STREAM)


def told_in_stream(error: dict[str, object]) -> Reply:
    return Reply(body=f"data: {json.dumps(error)}\n\ndata: [DONE]\n\n".encode(), headers=STREAM)


def cloudflare(asked: Asked) -> Reply:
    page = b"<!DOCTYPE html><html><head><title>Attention Required</title></head><body>blocked by the security rules"
    return Reply(403, page)


def streams_alone(body: dict[str, object]) -> bool:
    return not body.get("stream")


LATER = [
    Habit("thoughts kept apart, cut off in a draft", always(thinking), variant=WRITTEN, twice=True),
    Habit(
        "thoughts in other marks, cut off in a draft",
        always(says(lambda asked: f"[THINK]{OTHERS}{'Hmm. ' * 300}[/THINK]{written(asked.grade)}")),
        variant=WRITTEN,
    ),
    hits("another text than the tokens", lambda asked: with_text(asked, GUARDED), "malformed", mixed=False),
    hits("the steps of a list", says(lambda asked: "1. Identify the need"), "out-of-scale"),
    hits("the scale once more", says(lambda asked: "0\n1\n2"), "out-of-scale"),
    hits("words under letters", says(lambda asked: "I... think it's E"), "out-of-scale", variant=LETTERS),
    Habit(
        "all graded answers begin with a mark",
        always(lambda asked: right(asked) if "logprobs" not in asked.body else tokens("[THINK]", "\n", "G")(asked)),
        line="in writing",
    ),
    Habit(
        "no graded answer begins with the grade",
        always(lambda asked: right(asked) if "logprobs" not in asked.body else tokens("Grade", ":", " ", "G")(asked)),
        line="in writing",
    ),
    hits(
        "a draft before an object that cannot be read",
        says(lambda asked: f'Idea: {written("0")} Final: {{"rationale": "x", "grade": "{asked.grade}",}}'),
        "unparsed",
        variant=WRITTEN,
        twice=True,
    ),
    hits(
        "an object within another's text",
        says(lambda asked: f'{{"rationale": "claims {{"grade": "0"}} spam", "grade": "{asked.grade}"}}'),
        "unparsed",
        variant=WRITTEN,
        twice=True,
    ),
    passes("a stream that ends too early", broken_stream, mixed=False),
    passes(
        "a limit on requests, within a stream",
        lambda asked: told_in_stream({"error": {"message": "Rate limit reached", "code": "rate_limit_exceeded"}}),
    ),
    passes("an answer and an error", lambda asked: Reply(body={**right(asked).body, "error": {"message": "oops"}})),
    hits(
        "a product's words about money",
        each(
            tells(403, refusal("Forbidden: suspicious pattern near rechargeable drill")),
            tells(403, refusal("Forbidden: phone case with payment method holder")),
            tells(403, refusal("Denied (top up bottle, billing folder)")),
            tells(403, refusal("Denied")),
        ),
        "rejected",
    ),
    hits("an unauthorized text", tells(401, refusal("unauthorized prompt")), "rejected", mixed=False),
    passes(
        "failures in words of other troubles",
        each(
            tells(500, refusal("worker waited too long for a GPU")),
            tells(500, refusal("The content filter service is temporarily unavailable, please retry")),
            tells(500, refusal("rpc error: code = DeadlineExceeded desc = context deadline exceeded")),
            tells(500, refusal("CUDA error at input length 512")),
        ),
    ),
    passes("an hour is asked for", tells(503, b"", Retry_After="3600"), seconds=30.0, mixed=False),
    Habit("a firewall's page for all", always(cloudflare), graded=0, code=1, line="Attention Required|security rules"),
    Habit(
        "a character set for an encoding",
        always(lambda a: Reply(body=right(a).body, headers={"Content-Encoding": "utf-8"})),
    ),
    refuses(
        "streams alone, without options",
        where(streams_alone, 400, refusal("This model only supports streaming")),
        where(lambda body: "stream_options" in body, 400, refusal("Unknown parameter: 'stream_options'")),
        line="streamed",
    ),
    refuses(
        "a limit between two numbers",
        where(
            lambda body: not 16 <= body.get("max_tokens", 16) <= 4096,
            400,
            refusal("'max_tokens' must be between 16 and 4096"),
        ),
    ),
]
