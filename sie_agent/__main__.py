"""``python -m sie_agent``, the same as ``sie``."""

from __future__ import annotations

import sys

from sie_agent.cli import main

if __name__ == "__main__":
    sys.exit(main())
