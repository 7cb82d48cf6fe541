"""The command line: ``sie VERB``. One module per verb: parse, call, print."""

from __future__ import annotations

from sie_agent.cli.entry import main

__all__ = ["main"]
