"""DuckDB connections for tables of any length: what exceeds the memory limit goes to a hidden folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sie_agent.errors import EnvironmentFailure
from sie_agent.files.writing import spill_folder
from sie_agent.utils.threads import cores

MEMORY = "256MB"


@contextmanager
def overflowing(
    parent: Path, name: str, failed: str, hint: str, memory: str = MEMORY, threads: int | None = None
) -> Iterator[Any]:
    """A DuckDB connection that overflows into a hidden folder in *parent*, which is removed when the block ends.

    Parameters
    ----------
    name : what the name of the folder is made of.
    failed, hint : what to say where the disk is full, and what to do about it.
    memory : how much the tables take before they overflow.
    threads : how many work at once; each has buffers of its own. Two, where there are two cores, if None.

    Raises
    ------
    EnvironmentFailure : the folder cannot be made or written, or the disk is full.
    """
    import duckdb

    with spill_folder(parent, name) as folder:
        try:
            with connected({"memory_limit": memory, "temp_directory": str(folder / "overflow")}, threads) as connection:
                yield connection
        except (duckdb.IOException, duckdb.OutOfMemoryException, duckdb.TransactionException) as error:
            said = str(error).splitlines()[0][:160]
            raise EnvironmentFailure(f"{failed} ({said})", where=folder, hint=hint) from error


def connected(settings: dict[str, str | bool | int | float | list[str]], threads: int | None = None) -> Any:
    """A connection with the *settings*, for use in ``with``; *threads* as above."""
    import duckdb

    return duckdb.connect(
        config={
            "temp_directory": "",
            "threads": threads or min(2, cores()),
            "preserve_insertion_order": False,
            # no network, and no variables of this program
            "autoinstall_known_extensions": False,
            "python_enable_replacements": False,
            **settings,
        }
    )
