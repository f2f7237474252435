"""``python -m trio_http``: the command line, as the console script ``trio-http`` is."""

from __future__ import annotations

import sys

from ._cli import main

if __name__ == "__main__":
    sys.exit(main())
