"""The entry point: read the arguments, run the verb, turn what goes wrong into one line and an exit code."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence

from sie_agent.cli.arguments import prepared
from sie_agent.cli.failures import failure, help_in
from sie_agent.cli.interrupts import answer_as_json, finish, give_up, was_heard
from sie_agent.cli.output import show_failure, wishes
from sie_agent.errors import EXIT_DONE
from sie_agent.utils.progress import set_quiet
from sie_agent.utils.python_words import command_line
from sie_agent.utils.redact import redacted


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``sie`` and return its exit code.

    0 done; 1 the environment is in the way; 2 bad input; 3 done, but some pairs have no judgment;
    130 interrupted.

    Parameters
    ----------
    arguments : what is typed after ``sie``; those of the process when not given.
    """
    # threads that spin while they wait stall each other where cores are shared: trees took a hundred times as long
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    given, found = prepared(sys.argv[1:] if arguments is None else arguments)
    wishes.json, wishes.debug = found.json, found.debug
    set_quiet(found.json or found.quiet)
    answer_as_json(found.json)
    with command_line():
        return finish(answered(given))


def answered(given: Sequence[str]) -> int:
    """Do what prepared arguments say; the exit code."""
    outputs = sys.stdout, sys.stderr
    try:
        from sie_agent.cli.app import app

        with warnings.catch_warnings():
            if not wishes.debug:
                # libraries warn about their own future; a user can do nothing about it
                warnings.simplefilter("ignore")
            return int(app(given, standalone_mode=False, prog_name="sie") or 0)
    except SystemExit:
        if sys.stdout is outputs[0]:
            raise
        # the parser puts other outputs in place where whoever read a help has seen enough
        sys.stdout, sys.stderr = outputs
        give_up(sys.stdout)
        return EXIT_DONE
    except (Exception, KeyboardInterrupt) as error:
        return failed(KeyboardInterrupt() if was_heard() else error)
    finally:
        set_quiet(False)


def failed(error: BaseException) -> int:
    """Say what went wrong; the exit code."""
    code, message = failure(error)
    if (helped := help_in(error)) is not None and not wishes.json:
        print(helped[1], file=sys.stderr)
        return code
    if wishes.debug:
        import traceback

        print(redacted(traceback.format_exc()), file=sys.stderr, end="")
    show_failure(redacted(message), code)
    return code
