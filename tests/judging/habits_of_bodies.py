"""How responses come: slow, endless, packed, broken, redirected, in odd dress, with odd counts."""

from __future__ import annotations

import gzip
import itertools
import json
import math
import zlib
from collections import Counter
from collections.abc import Callable
from typing import Any

from .habit import WRITTEN, Asked, Behaviour, Habit, always, hits, message, passes, right, tells, turns
from .scripted_server import Reply, events

JSON_DEPTH = b"[" * 100_000


def raw_of(asked: Asked) -> bytes:
    """The right response as bytes."""
    whole = {"model": asked.body.get("model"), **right(asked).body}
    return json.dumps(whole).encode()


def dressed(dress: Callable[[bytes], bytes], **headers: str) -> Behaviour:
    """The right response, in another dress."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda asked: Reply(body=dress(raw_of(asked)), headers=named)


def counted(usage: object) -> Behaviour:
    """The right response, which counts its tokens oddly."""
    return lambda asked: Reply(body={**right(asked).body, "usage": usage})


def sends(name: str, behaviour: Behaviour, **more: Any) -> Habit:
    """All responses come like this, and are right."""
    return Habit(name, always(behaviour), **{"fault": behaviour, "twice": True, **more})


def in_pieces(asked: Asked) -> Reply:
    raw = raw_of(asked)
    return Reply(chunks=[raw[start : start + 50] for start in range(0, len(raw), 50)])


def one_by_one(asked: Asked) -> Reply:
    """A byte ten times a second: each in time, the whole never."""
    return Reply(chunks=(bytes([byte]) for byte in raw_of(asked)), pause=0.1)


def endless(asked: Asked) -> Reply:
    return Reply(chunks=itertools.repeat(b'{"choices": [' + b" " * 100_000))


def redirecting() -> Behaviour:
    """Each pair is sent on to the same path once, with each of the statuses that say so."""
    sent: Counter[int] = Counter()

    def answer(asked: Asked) -> Reply:
        sent[asked.number] += 1
        if asked.number < 0 or sent[asked.number] > 1:
            return right(asked)
        status = (301, 302, 307, 308)[asked.number % 4]
        return Reply(status, b"", headers={"Location": "/v1/chat/completions"})

    return answer


def streamed(asked: Asked) -> Reply:
    whole = {"model": asked.body.get("model"), **right(asked).body}
    return Reply(body=events(whole), headers={"Content-Type": "text/event-stream"})


def kept_alive(asked: Asked) -> Reply:
    """DeepSeek sends empty lines until the answer is there."""
    return Reply(chunks=[b"\n", b"\n\n", raw_of(asked)], pause=0.02)


GOOD = [
    sends("gzip", dressed(gzip.compress, Content_Encoding="gzip"), langchain=True),
    sends("deflate", dressed(zlib.compress, Content_Encoding="deflate")),
    sends("chunks", in_pieces),
    sends("no length: the end of the connection", lambda asked: Reply(body=raw_of(asked), unframed=True)),
    sends("a byte order mark", dressed(lambda raw: b"\xef\xbb\xbf" + raw), langchain=False),
    sends("blank lines around it", dressed(lambda raw: b"\n\n  \r\n" + raw + b"\n\n")),
    sends("deepseek: blank lines while it thinks", kept_alive),
    sends("another type of content", dressed(bytes, Content_Type="text/html; charset=utf-8"), langchain=False),
    sends("a stream though none was asked for", streamed),
    sends("a stream in writing", streamed, variant=WRITTEN),
    sends(
        "openrouter: comments in a stream",
        lambda asked: Reply(body=b": OPENROUTER PROCESSING\n\n: OPENROUTER PROCESSING\n\n" + streamed(asked).body),
    ),
    sends("bytes that are not UTF-8", dressed(lambda raw: raw[:-1] + b', "note": "caf\xe9"}')),
    Habit("redirects to the same server", redirecting),
    sends("a hundred headers", dressed(bytes, **{f"X_{number}": "y" * 50 for number in range(90)})),
    sends("cookies", dressed(bytes, Set_Cookie="session=1; Path=/; Domain=example.com")),
    *[
        sends(f"tokens: {name}", counted(usage), langchain=name == "none")
        for name, usage in [
            ("none", None),
            ("as many as 1e20", {"prompt_tokens": 1e20, "completion_tokens": 1e20, "total_tokens": 2e20}),
            ("less than none", {"prompt_tokens": -5, "completion_tokens": -1}),
            ("in words", {"prompt_tokens": "many", "completion_tokens": [1]}),
            ("no numbers", {"prompt_tokens": math.nan, "completion_tokens": math.inf}),
            ("as a list", [1, 2]),
            ("under other names", {"input_tokens": 100, "output_tokens": 1}),
        ]
    ],
]
PAGE = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body>Please sign in to the network.</body></html>"
ELSEWHERE = "not as the OpenAI protocol says.*{}.*login"
BAD = [
    Habit(
        "a page to log in at, for all", always(tells(200, PAGE)), graded=0, code=1, line=ELSEWHERE.format("'Sign in'")
    ),
    Habit("another service", always(tells(200, b"It works!")), graded=0, code=1, line=ELSEWHERE.format("It works!")),
    hits(
        "a byte at a time, or no answer in time",
        turns(one_by_one, lambda asked: right(asked, 1.2)),
        "timeout",
        options=("--timeout", "0.6"),
        seconds=12.0,
        mixed=False,
    ),
    hits("a body without an end", endless, "malformed"),
    hits("gigabytes are announced", tells(200, b"{}", Content_Length="10000000000"), "malformed"),
    hits("a gzip bomb", tells(200, gzip.compress(b" " * 100_000_000), Content_Encoding="gzip"), "malformed"),
    hits("gzip that is none", dressed(lambda raw: b"\x1f\x8b" + raw, Content_Encoding="gzip"), "malformed"),
    hits("gzip that is text", dressed(bytes, Content_Encoding="gzip"), "malformed"),
    hits("gzip without its end", dressed(lambda raw: gzip.compress(raw)[:-9], Content_Encoding="gzip"), "malformed"),
    hits("an encoding that was not asked for", dressed(bytes, Content_Encoding="br"), "malformed"),
    hits("a connection that is cut", lambda asked: Reply(body=raw_of(asked), cut=True), "connection"),
    hits("less than was announced", dressed(lambda raw: raw[:-5], Content_Length="100000"), "connection"),
    hits(
        "a page in place of JSON",
        turns(tells(200, PAGE), tells(200, b"<?xml version='1.0'?><error/>"), tells(200, b""), tells(204, b"")),
        "malformed",
        twice=True,
        langchain=True,
    ),
    hits(
        "broken JSON",
        turns(
            dressed(lambda raw: raw[: len(raw) // 2]),
            dressed(lambda raw: raw + raw),
            dressed(lambda raw: raw.decode().encode("utf-16")),
            dressed(lambda raw: raw.replace(b'"', b"'")),
        ),
        "malformed",
        twice=True,
    ),
    hits(
        "JSON of no use",
        turns(tells(200, JSON_DEPTH), tells(200, b"null"), tells(200, b'"0"'), tells(200, b"[]")),
        "malformed",
        twice=True,
    ),
    hits(
        "no choices",
        turns(
            *[
                tells(200, {"choices": choices, "usage": {"prompt_tokens": 9, "completion_tokens": 0}})
                for choices in ([], None, "none", {"0": {"message": {"content": "0"}}})
            ]
        ),
        "malformed",
        twice=True,
        langchain=True,
    ),
    hits(
        "choices of no use",
        turns(
            *[
                tells(200, {"choices": [choice], "usage": None})
                for choice in (None, "0", {"message": None}, {"message": {}, "finish_reason": None})
            ]
        ),
        "malformed",
        twice=True,
    ),
    hits("an empty stream", tells(200, b"data: [DONE]\n\n", Content_Type="text/event-stream"), "malformed"),
    hits(
        "content of no use",
        lambda asked: Reply(body=message(content=[1, None, {"type": "image"}])),
        "empty",
        variant=WRITTEN,
    ),
    passes(
        "a slow answer that is quick the next time",
        lambda asked: right(asked, 2.0),
        options=("--timeout", "1.2"),
        mixed=False,
    ),
    Habit(
        "redirected to another server",
        always(tells(307, b"", Location="http://127.0.0.1:9/v1/chat/completions")),
        graded=0,
        code=1,
        line="sends requests on to",
    ),
    Habit("JSON of another service", always(tells(200, {"ok": 1})), graded=0, others=("malformed",), line="not a chat"),
]
BODIES = [*GOOD, *BAD]
