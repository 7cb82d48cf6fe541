"""Why a text is not JSON, in words for a user."""

from __future__ import annotations

# what Python says of a text that is no JSON, and what it means
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


def in_words(said: str) -> str:
    """Why a text is not JSON, given the message of Python's parser."""
    return next((words for start, words in FAULTS.items() if said.startswith(start)), "it is not JSON")
