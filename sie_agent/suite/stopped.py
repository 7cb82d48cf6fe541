"""Whether a run came to its end, and how to go on with one that did not."""

from __future__ import annotations

import shlex
from pathlib import Path

from sie_agent.errors import InputError
from sie_agent.files.file_kinds import table_kind
from sie_agent.samples import made_by_words
from sie_agent.suite.draw.draw_files import has_ended
from sie_agent.suite.settings import load_suite
from sie_agent.utils.counts import counted

STOPPED = "the run stopped before it finished"


def check_finished(folder: Path) -> None:
    """Make sure that a run ended here.

    Raises
    ------
    InputError : it stopped, and says how to go on; or there was none.
    """
    own = folder / "suite.yaml"
    if not own.is_file():
        made = made_by_words(folder) or (f"is {kind}: " if (kind := table_kind(folder)) else "")
        if made.startswith("is what `sie run`"):
            hint = "Give the command `sie run … --out …` of this folder again: it goes on where it stopped"
            raise InputError(f"{STOPPED}: its judges were not all asked", where=folder, hint=hint)
        nothing = f"{made}no run here" if made else "no run in this folder"
        problem = nothing if folder.exists() else "there is no such folder"
        raise InputError(problem, where=folder, hint="Give the folder that `sie run` wrote (its --out)")
    wanted = load_suite(own, told=False).draws
    done = [seed for seed in wanted if has_ended(folder, seed)]
    if len(done) < len(wanted) or not (folder / "judgments.parquet").is_file():
        raise InputError(
            f"{STOPPED}: {len(done)} of {counted(len(wanted), 'draw')} done",
            where=folder,
            hint=f"`{shlex.join(['sie', 'run', str(own), '--out', str(folder)])}` goes on where it stopped",
        )
