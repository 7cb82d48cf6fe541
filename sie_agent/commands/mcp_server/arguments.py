"""What tools take: each with its bounds, which clients are told of."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from sie_agent.commands.mcp_server.confined import ServerRoot
from sie_agent.errors import InputError

Path_ = Annotated[str, Field(max_length=1000, description="file or folder, from the server's root")]
Data = Annotated[str, Field(max_length=1000, description="the log: sample, generated:N, or a path from the root")]
Map = Annotated[str | None, Field(max_length=1000, description="column map, a path from the root")]
Variant = Annotated[str, Field(max_length=1000, description="prompt variant: aspect/name, or a YAML file in the root")]
Name = Annotated[str, Field(max_length=100, description="a judge that `spending` lists")]
Limit = Annotated[int | None, Field(ge=1, description="only so many rows of the log")]
Budget = Annotated[int | None, Field(ge=1, description="judge only so many pairs, chosen by strategy")]

MaxCost = Annotated[
    float | None,
    Field(ge=0, allow_inf_nan=False, description="USD that this call may cost; needed for judges that are paid for"),
]

# many programs read names with these in them as patterns
PATTERN = frozenset("*?[]")


def check_output(root: ServerRoot, out: str) -> str:
    """A folder to write into, below the root.

    Raises
    ------
    InputError : it is the root itself, outside, or a pattern of names, or a link in it leads out.
    """
    path = root.path(out, "out")
    if PATTERN & set(out):
        hint = "Give a name without * ? [ ], such as runs/mine"
        raise InputError("is a pattern, not a name", where=f"out '{out[:200]}'", hint=hint)
    if path == root.folder:
        raise InputError("is the root itself", where="out", hint="Give a folder of its own, such as runs/mine")
    return str(root.there(out, "out") if path.is_dir() else path)


def limit_of(paid: bool, max_cost: float | None) -> float | None:
    """USD to put aside for a call; None where nothing is paid for.

    Raises
    ------
    InputError : it is paid for, and no limit is given.
    """
    if not paid:
        return None
    if max_cost is None:
        hint = "Give max_cost in USD; plan says what is expected, spending what is left"
        raise InputError("its answers are paid for, and the call has no limit", where="max_cost", hint=hint)
    return max_cost
