"""Write the guide's distribution to ``DIRECTORY/dist`` and its tests, with a server, to ``DIRECTORY/tests``."""

import shutil
import sys
from pathlib import Path

from tests.third_party.guide import write_guide

DISTRIBUTION, TESTS = (Path(sys.argv[1]) / name for name in ("dist", "tests"))
for folder in (DISTRIBUTION, TESTS):
    folder.mkdir(parents=True)
write_guide(DISTRIBUTION)
for path in (DISTRIBUTION / "test_redis.py", DISTRIBUTION / "osiris_connections.yaml"):
    path.rename(TESTS / path.name)
for name in ("conftest.py", "redis_server.py", "test_installed.py"):
    shutil.copy(Path(__file__).parent / name, TESTS)
