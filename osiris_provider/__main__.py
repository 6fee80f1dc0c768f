"""``python -m osiris_provider`` is ``osiris``."""

from __future__ import annotations

import os
import sys

try:
    if sys.path and os.path.isabs(sys.path[0]) and os.path.realpath(sys.path[0]) == os.path.realpath(os.getcwd()):
        # "-m" has the working directory as the first place to import from: what lies there is not to be imported.
        del sys.path[0]
except FileNotFoundError:
    # Somebody has removed it, and nothing lies there.
    pass

from osiris_provider.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
