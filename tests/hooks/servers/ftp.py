"""An FTP server (pyftpdlib): ``python -m tests.hooks.servers.ftp PORT DIRECTORY``."""

from __future__ import annotations

import sys

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import FTPServer

from tests.hooks.case import PASSWORD


class Handler(FTPHandler):  # type: ignore[misc] # it has no types
    """Says when it refuses a login."""

    auth_failed_timeout = 0

    def on_login_failed(self, username: str, password: str) -> None:
        del username, password
        print("refused a login", flush=True)  # noqa: T201 - its log


if __name__ == "__main__":
    Handler.authorizer = DummyAuthorizer()
    Handler.authorizer.add_user("loader", PASSWORD, sys.argv[2])
    FTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
