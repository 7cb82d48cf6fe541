"""JSON files of unknown origin: one bounded reader for files of users and of earlier runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NoReturn

from sie_agent.errors import InputError
from sie_agent.files.small_files import MEBIBYTE, read_text
from sie_agent.utils.values import shown

MOST_BYTES = 64 * MEBIBYTE
MOST_DEPTH = 64
TOO_DEEP = f"is nested more than {MOST_DEPTH} deep"
# what Python says of a text that is not JSON, and what it means
FAULTS = {
    "Expecting value": "a value is missing, or a text is not in quotes",
    "Expecting property name": "a key in double quotes is missing",
    "Expecting ':'": "a colon is missing behind a key",
    "Expecting ','": "a comma or a closing bracket is missing",
    "Extra data": "something stands behind the end of the JSON",
    "Unterminated string": "a quote is not closed",
    "Invalid control character": "a tab or another control character stands in a text",
    "Invalid \\": "a backslash in a text begins nothing that JSON knows",
    "Illegal trailing comma": "a comma has nothing behind it",
}


class NotJson(ValueError):
    """The text is not JSON, or exceeds a bound; the message says why, in words for a user."""


def read_json(path: str | Path, *, hint: str | None = None, most: int = MOST_BYTES, nan: bool = False) -> Any:
    """The content of a JSON file.

    Parameters
    ----------
    hint : what a user is to do about a file that cannot be read. most : its size in bytes.
    nan : whether NaN and infinite numbers are read; for files whose fields are checked one by one.

    Raises
    ------
    InputError : it is missing, cannot be read, is too large, or no JSON (see :func:`parse_json`); names the file.
    """
    place = Path(path)
    try:
        return parse_json(read_text(place, most, hint), nan=nan)
    except FileNotFoundError as error:
        raise InputError("the file is missing", where=place, hint=hint) from error
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", where=place, hint=hint) from error
    except NotJson as error:
        raise InputError(str(error), where=place, hint=hint) from error


def read_object(
    path: str | Path, *, hint: str | None = None, most: int = MOST_BYTES, nan: bool = False
) -> dict[str, Any]:
    """The object in a JSON file; parameters as of :func:`read_json`.

    Raises
    ------
    InputError : as of :func:`read_json`, and where it holds something else.
    """
    content = read_json(path, hint=hint, most=most, nan=nan)
    if not isinstance(content, dict):
        raise InputError("is JSON, but no object", where=path, hint=hint)
    return content


def parse_json(text: str, *, nan: bool = False) -> Any:
    """The content of a JSON text, strictly by RFC 8259; with *nan* also NaN and infinities as Python writes them.

    Raises
    ------
    NotJson : it is not JSON; a name occurs twice in an object; it has NaN, an infinite number or one of more digits
        than are read; it is nested more than `MOST_DEPTH` deep; or a text holds half of a surrogate pair.
    """
    try:
        strict: dict[str, Any] = {} if nan else {"parse_constant": no_number, "parse_float": finite}
        content = json.loads(text, object_pairs_hook=distinct, **strict)
    except json.JSONDecodeError as error:
        raise NotJson(f"is not JSON (line {error.lineno}, column {error.colno}: {in_words(error.msg)})") from error
    except RecursionError as error:
        raise NotJson(TOO_DEEP) from error
    except NotJson:
        raise
    except ValueError as error:
        raise NotJson("is not JSON that is read here (a number has too many digits)") from error
    if is_deeper(content, MOST_DEPTH):
        raise NotJson(TOO_DEEP)
    if "\\u" in text:
        # a string may hold half of a surrogate pair, which no file can store
        try:
            json.dumps(content, ensure_ascii=False).encode("utf-8")
        except UnicodeEncodeError:
            raise NotJson("a text holds half of a surrogate pair") from None
    return content


def in_words(said: str) -> str:
    """Why a text is not JSON, given the message of Python's parser."""
    return next((words for start, words in FAULTS.items() if said.startswith(start)), "it is not JSON")


def distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object from its pairs; a repeated name is refused, since it is ambiguous."""
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for place, name in enumerate(names) if name in names[:place])
        raise NotJson(f"the key {shown(twice)} occurs twice in one object")
    return found


def no_number(word: str) -> NoReturn:
    """JSON has no NaN and no infinity."""
    raise NotJson(f"holds {word}, which is not a JSON number")


def finite(digits: str) -> float:
    """A number that a double can hold."""
    value = float(digits)
    if abs(value) == float("inf"):
        raise NotJson(f"holds {digits[:40]}, which is too large a number")
    return value


def is_deeper(content: Any, most: int) -> bool:
    """Whether lists and objects are nested more than *most* deep."""
    level = [content] if isinstance(content, dict | list) else []
    for _ in range(most):
        inner = (child for one in level for child in (one.values() if isinstance(one, dict) else one))
        level = [child for child in inner if isinstance(child, dict | list)]
    return bool(level)
