"""What goes wrong, in one line, with its exit code."""

from __future__ import annotations

import errno

from sie_agent.errors import EXIT_BAD_INPUT, EXIT_ENVIRONMENT, SieError

EXIT_INTERRUPTED = 130
INTERRUPTED = "stopped; what has been done is kept: the same command, started again, goes on from there"
HINTS = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), "Free some space or write elsewhere."),
    **dict.fromkeys((errno.EACCES, errno.EPERM), "Change its permissions or use another folder."),
    errno.EROFS: "Use a folder that can be written to.",
}


class Interrupted(Exception):
    """The user pressed Ctrl-C."""


def failure(error: BaseException) -> tuple[int, str]:
    """Exit code and message of whatever a verb raised."""
    if isinstance(error, SieError):
        return error.exit_code, one_line(str(error))
    if isinstance(error, Interrupted | KeyboardInterrupt):
        return EXIT_INTERRUPTED, INTERRUPTED
    if type(error).__name__ == "Abort":
        return EXIT_ENVIRONMENT, "stopped; nothing was changed. With --yes nothing is asked."
    if (helped := help_in(error)) is not None:
        return EXIT_BAD_INPUT, f"a verb is missing. See `{helped[0]} --help`."
    if callable(explain := getattr(error, "format_message", None)):
        return EXIT_BAD_INPUT, usage(error, explain())
    if isinstance(error, OSError) and error.errno is not None:
        return EXIT_ENVIRONMENT, system_error(error)
    if isinstance(error, UnicodeEncodeError):
        odd = error.object[error.start : error.end][:20]
        problem = f"the text {odd!a} cannot be written in the locale's encoding ({error.encoding})"
        return EXIT_ENVIRONMENT, f"{problem}. Set PYTHONUTF8=1, or a locale of UTF-8."
    if isinstance(error, MemoryError):
        return EXIT_ENVIRONMENT, "out of memory. Give fewer rows (--limit) or a larger machine."
    if isinstance(error, ModuleNotFoundError) and error.name and not error.name.startswith("sie_agent"):
        missing = f"the package '{error.name.split('.')[0]}' is not installed"
        return EXIT_ENVIRONMENT, f"{missing}. `sie doctor` says what brings it."
    said = f"unexpected {type(error).__name__}: {one_line(str(error))[:200]}"
    return EXIT_ENVIRONMENT, f"{said}; run again with --debug for the traceback"


def help_in(error: BaseException) -> tuple[str, str] | None:
    """The command, and its help, of a group of commands that was called alone; None of other errors."""
    context = getattr(error, "ctx", None)
    if type(error).__name__ != "NoArgsIsHelpError" or context is None:
        return None
    return context.command_path, context.get_help()


def usage(error: BaseException, message: str) -> str:
    """What is wrong with the arguments, and where the right ones are listed."""
    context = getattr(error, "ctx", None)
    path, said = getattr(context, "command_path", None) or "sie", one_line(message).rstrip(".")
    return f"{said}{'' if said.endswith('?') else '.'} See `{path} --help`."


def system_error(error: OSError) -> str:
    """What the system said, the file it said it about, and what to do where one is known."""
    place = f"{error.filename}: " if error.filename else ""
    hint = HINTS.get(error.errno or 0, "Check the path and its permissions.")
    return f"{place}{(error.strerror or str(error)).lower()}. {hint}"


def one_line(text: str) -> str:
    """The same text without line breaks."""
    return " ".join(text.split())
