"""An SMTP server (aiosmtpd) with AUTH: ``python -m tests.hooks.servers.smtp PORT DIRECTORY``.

It offers STARTTLS if ``server.pem`` is in the directory.
"""

from __future__ import annotations

import asyncio
import ssl
import sys
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult

from tests.hooks.case import PASSWORD


def authenticate(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    """Accept one password, and say when it is another."""
    del server, session, envelope, mechanism
    success = data.password == PASSWORD.encode()
    if not success:
        print("refused a login", flush=True)  # noqa: T201 - its log
    return AuthResult(success=success, handled=False)


async def serve(port: int, certificate: Path) -> None:
    """Serve on a port of 127.0.0.1."""
    loop = asyncio.get_running_loop()
    options: dict[str, Any] = {"auth_required": True, "auth_require_tls": False, "loop": loop}
    if certificate.exists():
        options["tls_context"] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        options["tls_context"].load_cert_chain(certificate)
    server = await loop.create_server(lambda: SMTP(object(), authenticator=authenticate, **options), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), Path(sys.argv[2]) / "server.pem"))
