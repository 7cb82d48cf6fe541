"""Files onto the Hugging Face Hub in one commit, and what goes wrong there in words."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from sie_agent.errors import EnvironmentFailure, InputError, SieError
from sie_agent.utils.foreign import foreign_bars_silenced

Kind = Literal["model", "dataset"]
Files = Mapping[str, bytes | Path]

AGAIN = "Wait a few minutes and give the same command again; what has arrived is not sent twice."
OTHERWISE = "Check --to and --revision."
LOG_IN = "Set HF_TOKEN to a token that may write, or log in with: hf auth login"
STATUSES = {
    401: ("the Hub does not know this token, or there is none", LOG_IN),
    402: ("the Hub asks for a payment", "See the plan and the storage of the account."),
    403: ("the token may not write here", "Give the token write access, or choose a repository of your own."),
    404: ("no such repository or revision, or the token may not see it", "Check --to, --revision and the token."),
    409: ("the repository was changed meanwhile", "Give the same command again."),
    412: ("the repository was changed meanwhile", "Give the same command again."),
    413: ("the upload is larger than the Hub takes", "Publish a file of fewer rows."),
    429: ("the Hub asks for fewer requests", AGAIN),
}
NETWORK = ("httpx", "httpcore", "requests", "urllib3")


def upload(
    files: Files, to: str, kind: Kind, *, private: bool = False, revision: str | None = None, message: str
) -> dict[str, Any]:
    """Put files into a repository of the Hub, in one commit; make the repository and the branch where absent.

    Files that are there already with the same content are not sent, and where all are, there is no commit. Other
    files of the repository stay. The token is that of ``HF_TOKEN`` or of ``hf auth login``, the address that of
    ``HF_ENDPOINT``.

    Parameters
    ----------
    files : content, or the path of a local file, by path in the repository.
    to : ``owner/name``; kind : of the repository.
    private : make it private; one that is there already must be.

    Returns
    -------
    ``url``, ``commit``, ``changed`` (whether there was anything to commit).

    Raises
    ------
    InputError : the name is none, or *private* is asked for and the repository is public.
    EnvironmentFailure : token, network or Hub are in the way.
    """
    from huggingface_hub import CommitOperationAdd, HfApi

    from sie_agent.version import __version__

    # read here: the library reads it when it is imported, which may be long ago
    endpoint = os.environ.get("HF_ENDPOINT", "").rstrip("/") or None
    api = HfApi(endpoint=endpoint, library_name="sie-agent", library_version=__version__)
    with in_words(to):
        api.create_repo(to, repo_type=kind, private=private or None, exist_ok=True)
        before = api.repo_info(to, repo_type=kind)
        if private and not before.private:
            hint = "Make it private on the Hub, choose another name, or leave out --private."
            raise InputError("the repository is there already, and it is public", where=to, hint=hint)
        if revision and revision != "main":
            api.create_branch(to, repo_type=kind, branch=revision, exist_ok=True)
            before = api.repo_info(to, repo_type=kind, revision=revision)
        operations = [CommitOperationAdd(path, content) for path, content in files.items()]
        made = api.create_commit(to, operations, commit_message=message, repo_type=kind, revision=revision)
    home = f"{api.endpoint}/{'datasets/' if kind == 'dataset' else ''}{to}"
    return {"url": home, "commit": made.oid, "changed": made.oid != before.sha}


@contextmanager
def in_words(to: str) -> Iterator[None]:
    """Keep the library off the terminal, and turn what it raises into a line that says what to do."""
    import logging as standard

    from huggingface_hub.utils import logging

    loudness = logging.get_verbosity()
    logging.set_verbosity(standard.ERROR)
    try:
        with foreign_bars_silenced(f"Sending the files to {to} on the Hugging Face Hub ..."):
            yield
    except SieError:
        raise
    except Exception as error:
        raise explained(error, to) from error
    finally:
        logging.set_verbosity(loudness)


def explained(error: BaseException, to: str) -> SieError:
    """An error of the Hub's library as one of ours; the library raises the types of several others."""
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled

    chain = list(causes(error))
    first = chain[0]
    if "Invalid metadata in README.md" in str(first):
        said = " ".join(str(first).split())[:200]
        return InputError(f"the Hub refuses the card ({said})", where=to, hint="Mend README.md, or check --license.")
    for one in chain:
        if isinstance(one, OfflineModeIsEnabled):
            return EnvironmentFailure("HF_HUB_OFFLINE is set, and nothing can be pushed", where=to, hint="Unset it.")
        if isinstance(one, HFValidationError):
            return name_error(to)
        if isinstance(one, HfHubHTTPError) and getattr(one, "response", None) is not None:
            status = one.response.status_code
            problem, hint = STATUSES.get(status, (f"the Hub refuses the request ({status})", OTHERWISE))
            if status >= 500:
                problem, hint = f"the Hub has a fault ({status})", AGAIN
            said = " ".join(str(getattr(one, "server_message", None) or "").split())[:120].rstrip(".")
            return EnvironmentFailure(f"{problem}{f': {said}' if said else ''}", where=to, hint=hint)
    if any(isinstance(one, OSError) or type(one).__module__.split(".")[0].rstrip("2") in NETWORK for one in chain):
        hint = "Check the network and HF_ENDPOINT, and give the same command again."
        return EnvironmentFailure(f"the Hub cannot be reached ({type(chain[-1]).__name__})", where=to, hint=hint)
    said = " ".join(str(first).split())[:120] or type(first).__name__
    return EnvironmentFailure(f"the Hub's answer cannot be used ({said})", where=to, hint=AGAIN)


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error, what caused it, what caused that ..."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def name_error(to: str) -> InputError:
    """The name of a repository is none."""
    return InputError("is no name of a repository", where=f"--to {to}", hint="Give owner/name: letters, digits, - _ .")
