"""The connections file of the running Airflow."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import yaml


class ConnectionsFile:
    """Written whole each time, in one go.

    :param directory: that Airflow finds it in.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def write(self, connections: dict[str, dict[str, Any]]) -> None:
        """Replace the file.

        :param connections: by family and alias.
        """
        draft = self.directory / "draft.yaml"
        draft.write_text(yaml.safe_dump({"version": 1, "connections": connections}, allow_unicode=True))
        os.replace(draft, self.directory / "osiris_connections.yaml")
