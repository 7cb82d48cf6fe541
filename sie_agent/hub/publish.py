"""A scorer or a labelled set, with its card, onto the Hugging Face Hub or into a folder."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from sie_agent.errors import EnvironmentFailure, InputError, SieError
from sie_agent.files.paths import user_path
from sie_agent.files.writing import write_bytes
from sie_agent.scorer.cards import PLACE, UNSTATED, code, scorer_card
from sie_agent.scorer.files import CARD, read_config
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
OWNER_AND_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)


def checked_target(to: str | None, folder: str | Path | None, dry_run: bool) -> str | Path | None:
    """Where it is to go, found wrong before any work is done: a repository, a folder, or nowhere in a dry run."""
    if to is not None and folder is not None:
        raise InputError("both --to and --folder are given", hint="Give one of them.")
    if to is None and folder is None and not dry_run:
        hint = "Give --to owner/name for the Hugging Face Hub, or --folder DIR for this machine."
        raise InputError("nothing says where to publish", hint=hint)
    if to is not None and not OWNER_AND_NAME.fullmatch(to):
        raise name_error(to)
    return to if folder is None else user_path(folder)


def publish(
    files: Files, kind: Kind, card: str, target: str | Path | None, *, dry_run: bool, **commit: Any
) -> dict[str, Any]:
    """Put the files where they are to go, and say what was done.

    Parameters
    ----------
    commit : as `upload` takes it.
    """
    sizes = [{"path": path, "bytes": size_of(content)} for path, content in files.items()]
    done: dict[str, Any] = {"kind": kind, "files": sizes, "card": card, "dry_run": dry_run, "exit_code": 0}
    if isinstance(target, Path):
        if not dry_run:
            place(files, target)
        return {**done, "folder": str(target)}
    if target is None or dry_run:
        return {**done, "to": target}
    return {**done, "to": target, **upload(files, target, kind, **commit)}


def size_of(content: bytes | Path) -> int:
    """The size of a file that is published, in bytes."""
    return len(content) if isinstance(content, bytes) else content.stat().st_size


def place(files: Files, folder: Path) -> None:
    """Write the files into a folder; others that are there stay."""
    for path, content in files.items():
        file = folder / path
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            write_bytes(file, content if isinstance(content, bytes) else content.read_bytes())
        except OSError as error:
            raise EnvironmentFailure(f"cannot be written ({error.strerror})", where=file) from error


def card_of(scorer: Path, to: str | None, licence: str | None) -> str:
    """The card of a scorer: the one that lies in its folder, else one that is written from its config."""
    readme = scorer / CARD
    card = read_card(readme) if readme.is_file() else scorer_card(read_config(scorer))
    return checked_card(card, readme, licence).replace(PLACE, to or PLACE)


def read_card(path: Path) -> str:
    """The card that is there, if it is a text of this folder; a link may lead to a file that nobody wants published."""
    hint = "Save it as UTF-8, or delete it to have the card written anew."
    try:
        real = path.resolve()
        # the Hub's cache keeps files as links into the folder `blobs` of the repository
        if real.parent not in (path.parent.resolve(), path.parent.resolve().parent.parent / "blobs"):
            raise InputError("links to a file outside the scorer's folder", where=path, hint="Put a copy there.")
        return real.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"is not UTF-8 text (byte {error.start + 1})", where=path, hint=hint) from error
    except OSError as error:
        raise EnvironmentFailure(f"cannot be read ({error.strerror})", where=path) from error


def checked_card(card: str, where: Path, licence: str | None) -> str:
    """The card, if the Hub's library can read its front matter; with the licence in its front matter and its text."""
    from huggingface_hub import ModelCard

    try:
        parsed = ModelCard(card, ignore_metadata_errors=False)
    except Exception as error:
        # YAML's errors and the library's own have no common type
        said = " ".join(str(error).split())[:160]
        hint = "Mend the front matter, or delete the file to have the card written anew."
        raise InputError(f"the front matter cannot be read ({said})", where=where, hint=hint) from error
    if licence is None:
        return card
    parsed.data["license"] = licence
    return str(parsed).replace(UNSTATED, code(licence))


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
    return InputError(
        "is not the name of a repository", where=f"--to {to}", hint="Give owner/name: letters, digits, - _ ."
    )
