"""``python -m osiris_provider`` is ``osiris``."""

from __future__ import annotations

import sys

from osiris_provider.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
