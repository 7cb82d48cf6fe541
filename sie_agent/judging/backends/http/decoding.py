"""Taking a response apart, in whatever dress it comes: JSON, pieces of a stream, lines of JSON. Pure functions."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from typing import Any

from sie_agent.judging.backends.http.reading import as_object, first_choice, is_error, texts_of

MOST_PIECES = 100_000
MOST_HEAD = 20_000
TITLE = re.compile(r"<title[^>]{0,200}>([^<]{1,500})</title", re.IGNORECASE)
STREAM = ("data:", "event:", ":", "id:", "retry:")
DONE = "[DONE]"


def decoded(content: bytes) -> Any:
    """The JSON of a body; of a stream of events, or of lines of JSON, the answer that its pieces make.

    Raises
    ------
    ValueError : it is something else, is nested too deeply, or ends too early; says how it begins.
    """
    text = content.decode("utf-8", "replace").lstrip("\ufeff \r\n\t")
    if not text:
        raise ValueError("the response is empty")
    if text.startswith(STREAM):
        return from_pieces(events_of(text))
    try:
        loaded = parsed(text)
        # some gateways pack JSON into JSON
        return parsed(loaded) if isinstance(loaded, str) and loaded.lstrip().startswith("{") else loaded
    except (ValueError, RecursionError):
        pass
    lines = [line for line in text.split("\n") if line.strip()]
    if len(lines) > 1 and all(line.lstrip().startswith("{") for line in lines):
        return from_pieces(iter(lines))
    raise ValueError(f"the response is not JSON; {beginning(text)}")


def parsed(text: str) -> Any:
    """A JSON value; line ends within its texts are let pass.

    Raises
    ------
    ValueError, RecursionError : it is not JSON.
    """
    return json.loads(text, strict=False)


def beginning(text: str) -> str:
    """What a text is, as far as its beginning tells: a web page by its title, else the first words."""
    title = TITLE.search(text[:MOST_HEAD])
    shown = " ".join(html.unescape(title.group(1)).split())[:60] if title else ""
    return f"it is a web page, {shown!r}" if shown else f"it begins {text[:60]!r}"


def events_of(text: str) -> Iterator[str]:
    """The data of a stream's events: one may be spread over several lines, and some servers leave no line between."""
    waiting: list[str] = []
    # other marks that Python takes for line ends may stand in a text
    for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        if line.startswith("data:"):
            waiting.append(line[5:].strip())
            if is_whole(waiting):
                yield from waiting
                waiting = []
        elif not line.strip() and waiting:
            yield "\n".join(waiting)
            waiting = []
    if waiting:
        yield "\n".join(waiting)


def is_whole(lines: list[str]) -> bool:
    """Whether a single line of data is an event by itself."""
    if len(lines) != 1:
        return False
    try:
        parsed(lines[0])
    except (ValueError, RecursionError):
        return lines[0] == DONE
    return True


def from_pieces(pieces: Iterator[str]) -> dict[str, Any]:
    """One chat completion of the pieces of a stream.

    Raises
    ------
    ValueError : there is no piece, one cannot be read, or the stream has no end: what was said may be half of it.
    """
    whole: dict[str, Any] = {}
    texts: dict[str, list[str]] = {"content": [], "reasoning_content": []}
    entries: list[Any] = []
    reason: Any = None
    count, ended = 0, False
    for text in pieces:
        if text == DONE:
            ended = True
            continue
        count += 1
        if count > MOST_PIECES:
            raise ValueError("the stream has too many pieces")
        try:
            piece = parsed(text)
        except (ValueError, RecursionError):
            raise ValueError(f"a piece of the stream is not JSON; it begins {text[:60]!r}") from None
        if not isinstance(piece, dict):
            continue
        if is_error(piece.get("error")):
            return {"error": piece["error"]}
        whole |= {name: piece[name] for name in ("model", "usage") if piece.get(name)}
        choice = first_choice(piece)
        if choice is None:
            continue
        said = choice.get("delta")
        content, thought = texts_of(said if isinstance(said, dict) else as_object(choice.get("message")))
        before = "".join(texts["content"])
        if before and "delta" not in choice and content.startswith(before):
            # the whole of it once more
            texts["content"] = []
        texts["content"].append(content)
        texts["reasoning_content"].append(thought)
        given = as_object(choice.get("logprobs")).get("content")
        entries += given if isinstance(given, list) else []
        reason = choice.get("finish_reason") or reason
    if not count:
        raise ValueError("the stream has no pieces")
    if not ended and not reason:
        raise ValueError("the stream ended too early")
    message = {name: "".join(parts) for name, parts in texts.items()}
    choice = {"message": message, "finish_reason": reason, "logprobs": {"content": entries} if entries else None}
    return {**whole, "choices": [choice]}
