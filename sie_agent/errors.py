"""The errors a user can meet, each with the exit code that the command line turns it into."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

# what a terminal obeys, or cannot write: controls, changes of direction, halves of surrogate pairs
CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

EXIT_DONE = 0
EXIT_ENVIRONMENT = 1
EXIT_BAD_INPUT = 2
EXIT_PARTIAL = 3

# what stands in the place of secrets
KEY = "[key]"
USERINFO = "USER:PASSWORD"
IN_ADDRESS = "KEY"
FEWEST_CHARS = 4

# names of credentials in addresses, settings and options; repeats are bounded, since texts come from servers
CREDENTIALS = r"(?:[\w.-]{0,40}[_.-])?(?:api[_-]?key|apikey|key|token|secret|passwd|password|pwd|pass|sig|signature)"
_SETTINGS = r"(?:[\w.-]{0,40}[_.-])?(?:api[_-]?key|apikey|access[_-]token|auth[_-]token|secret|passwd|password)"
_ADDRESS_USER = re.compile(r"(?<=://)[^/?#\s\"'<>]*@")
_ADDRESS_PART = re.compile(rf"([?&;](?:{CREDENTIALS}|auth|authorization|access|code)=)[^&;#\s\"'<>]+", re.IGNORECASE)
_GIVEN = re.compile(rf"(?<![\w?&;.-])({_SETTINGS}=[\"']?)[\w./+~-][^\s\"',;&}}\]]{{3,}}", re.IGNORECASE)
# behind a colon there may be a word of a message; a key has a digit
_TOLD = re.compile(
    rf"(?<![\w?&;.-])({_SETTINGS}[\"']?:\s?[\"']?)(?=[^\s\"',;&}}\]]{{0,80}}\d)[\w./+~-][^\s\"',;&}}\]]{{7,}}",
    re.IGNORECASE,
)
_KEY = re.compile(
    r"\b(?:sk|pk|rk)-[\w*.-]{4,}|\b(?:hf|gsk|ghp)_\w{12,}|\b(?i:bearer)\s+[^\s\"',]+"
    r"|\b[Bb]asic\s+(?=[A-Za-z0-9+/]{0,80}[\d=])[A-Za-z0-9+/]{8,}={0,2}"
)


class SieError(Exception):
    """Base of every error that is shown to a user as one line, without a traceback.

    Examples
    --------
    >>> import sie_agent as sie
    >>> try:
    ...     sie.load_variant("relevance/grded")
    ... except sie.SieError as error:
    ...     print(error.exit_code)
    2
    """

    exit_code = EXIT_ENVIRONMENT


class InputError(SieError):
    """Something the user gave is wrong: names the place and says what to do.

    Parameters
    ----------
    problem : what is wrong, in a few words.
    where : file, and where it is known the row and the field.
    hint : what to do about it.

    Examples
    --------
    >>> import sie_agent as sie
    >>> try:
    ...     sie.load_samples("sample", limit=0)
    ... except sie.InputError as error:
    ...     print(error)
    load_samples(), parameter 'limit': the limit is 0. Give a whole number from 1 upwards.
    """

    exit_code = EXIT_BAD_INPUT

    def __init__(self, problem: str, *, where: str | Path | None = None, hint: str | None = None) -> None:
        self.problem = problem
        self.where = None if where is None else str(where)
        self.hint = sentence(hint)
        super().__init__(compose(problem, self.where, self.hint))


class EnvironmentFailure(SieError):
    """The machine or the network is in the way: server unreachable, disk full, folder not writable.

    Parameters
    ----------
    problem : what is in the way, in a few words.
    where : the file or the address, where it is known.
    hint : what to do about it.

    Examples
    --------
    >>> import sie_agent as sie
    >>> raise sie.EnvironmentFailure("the disk is full", where="runs", hint="Free some space")
    Traceback (most recent call last):
    ...
    sie_agent.errors.EnvironmentFailure: runs: the disk is full. Free some space.
    """

    exit_code = EXIT_ENVIRONMENT

    def __init__(self, problem: str, *, where: str | Path | None = None, hint: str | None = None) -> None:
        self.problem = problem
        self.where = None if where is None else str(where)
        self.hint = sentence(hint)
        super().__init__(compose(problem, self.where, self.hint))


class MissingExtraError(EnvironmentFailure):
    """An optional dependency is not installed; says which extra brings it.

    Parameters
    ----------
    package : what is not installed.
    extra : of sie-agent, that brings it.

    Examples
    --------
    >>> import sie_agent as sie
    >>> print(sie.MissingExtraError("torch", "local"))
    the package 'torch' is not installed. Install it: `pip install 'sie-agent[local]'`.
    """

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(
            f"the package '{package}' is not installed", hint=f"Install it: `pip install 'sie-agent[{extra}]'`"
        )


def sentence(hint: str | None) -> str | None:
    """A hint with the period that ends it; a command at its end, behind ``with:``, stays as it is copied."""
    return hint if not hint or "with: " in hint or hint.endswith((".", "?", "!", "…")) else f"{hint}."


def compose(problem: str, where: str | None, hint: str | None) -> str:
    """One line without secrets: place, problem, hint; parts that are not known are left out.

    Names of files and what stands in them may hold line breaks, and signs that make a terminal do something.
    """
    text = f"{where}: {problem}" if where else problem
    end = "" if text.endswith("?") else "."
    return printable(redacted(f"{text}{end} {hint}" if hint else text))


def printable(text: str) -> str:
    """A text on one line; of what a terminal would obey, the number of the character."""
    line = " ".join(text.splitlines())
    return CONTROLS.sub(lambda found: f"\\u{ord(found.group()):04x}", line)


def redacted(text: str, secrets: Iterable[str | None] = ()) -> str:
    """*text* without *secrets* and without what looks like a key, or like the user and password of an address."""
    for secret in secrets:
        if secret and len(secret) >= FEWEST_CHARS:
            text = text.replace(secret, KEY)
    if "://" in text:
        text = _ADDRESS_USER.sub(f"{USERINFO}@", text)
    if "=" in text or ":" in text:
        text = _ADDRESS_PART.sub(rf"\g<1>{IN_ADDRESS}", text)
        text = _TOLD.sub(rf"\g<1>{KEY}", _GIVEN.sub(rf"\g<1>{KEY}", text))
    return _KEY.sub(KEY, text)
