"""`python -m scalper`: the same program as the `scalper` command. It may never do more."""

from __future__ import annotations

import sys

from scalper.cli import main

if __name__ == "__main__":
    sys.exit(main())
