"""``sie mcp``: runs, scores and judgments for the clients of the Model Context Protocol."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from sie_agent.commands.verb import Option, Verb
from sie_agent.utils.extras import require_extra
from sie_agent.utils.progress import say
from sie_agent.utils.values import check_values


def mcp(root: str | Path = ".", *, allow_spend: float | None = None, judges: Sequence[str] = ()) -> dict[str, Any]:
    """Serve a folder to a client of the Model Context Protocol, over standard input and output.

    Its tools read: runs, verdicts, tables, judgments, comparisons, why a row has its score, what labelling would cost,
    prompts. With *allow_spend* they also label and compare prompts. Whatever a client names lies in *root*. It ends
    when the client goes away.

    Parameters
    ----------
    root : The folder that clients may see, and write results into.
    allow_spend : USD that all clients together may spend; kept in *root*, so that it holds over restarts. 0: only
        judges that cost nothing.
    judges : A judge that clients may ask by this name: NAME=BACKEND[,MODEL][,KEY=VALUE …]; repeat it. What is paid
        for needs price_input and price_output. lexical, embedding and local are always there.

    Returns
    -------
    ``root``, ``allow_spend``, ``spent`` (USD, of all that the folder knows), ``exit_code``.

    Raises
    ------
    InputError : *root* is no folder, or a judge is wrong.
    MissingExtraError : the extra ``mcp`` is not installed.

    Examples
    --------
    >>> import sie_agent as sie
    >>> sie.mcp("no-such-folder")
    Traceback (most recent call last):
    ...
    sie_agent.errors.InputError: root="no-such-folder": is no folder. Give the folder that clients may see.
    """
    check_values(root=root, allow_spend=allow_spend)
    require_extra("mcp", "mcp")
    from sie_agent.commands.mcp_server.asked import named_judges
    from sie_agent.commands.mcp_server.confined import ServerRoot
    from sie_agent.commands.mcp_server.ledger import ClientLedger

    folder, asked = ServerRoot(root), named_judges(judges)
    ledger = None if allow_spend is None else ClientLedger(folder.folder, allow_spend)
    # a damaged one is told before a client asks
    held = None if ledger is None else ledger.balance()
    serve_over_standard_streams(folder, asked, ledger)
    spent = 0.0 if ledger is None or held is None else ledger.balance().spent
    return {"root": str(folder.folder), "allow_spend": allow_spend, "spent": spent, "exit_code": 0}


def serve_over_standard_streams(root: Any, judges: Any, ledger: Any) -> None:
    """Serve until standard input ends."""
    import sys

    import anyio

    from sie_agent.commands.mcp_server.server import made_server

    server = made_server(root, judges, ledger)
    say(f"Serving {root.folder} over standard input and output, until the client goes away")
    # the protocol takes the real standard output and turns whatever else is printed to standard error
    with redirect_stdout(sys.__stdout__):
        anyio.run(server.tools.run_stdio_async)


def lines(result: dict[str, Any]) -> list[str]:
    """Nothing: standard output belongs to the protocol."""
    return []


VERB = Verb(
    mcp,
    lines,
    examples=(
        "sie mcp --root runs",
        "sie mcp --root shop --allow-spend 20 \\",
        "    --judge big=openai,my-model,base_url=http://127.0.0.1:8000/v1,price_input=0.2,price_output=0.8",
    ),
    options={
        "root": Option("DIR"),
        "allow_spend": Option("SUM"),
        "judges": Option("NAME=BACKEND[,…]", flag="--judge"),
    },
)
