"""The real servers: Redis, OpenSSH, pyftpdlib, aiosmtpd, Dovecot, MariaDB, PostgreSQL."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from osiris_provider.hook_doctor import HookConnection

from tests.hooks.case import PASSWORD, WRONG, Case, Served
from tests.hooks.servers.http_apis import API, basic
from tests.hooks.servers.programs import directory, running
from tests.servers import MariaDBServer, PostgresServer
from tests.servers.process import HOST, free_port
from tests.servers.redis import RedisServer

REPOSITORY = Path(__file__).resolve().parents[3]


@contextmanager
def redis() -> Iterator[Served]:
    """Redis with a password; it keeps a log of refused logins."""
    with RedisServer() as server:

        def tries() -> int:
            from redis import Redis

            with Redis.from_url(server.url) as client:
                return sum(int(entry["count"]) for entry in client.acl_log())

        connection = HookConnection("kv", "redis", HOST, None, server.password, server.port, None, {"db": 0})
        yield Served(connection, {"password": WRONG}, tries)


# Only in this namespace does /etc have the account, so no account of the machine is touched.
_SSHD = """
if [ -n "$5" ]; then
    cp -a /etc "$1/etc"
    mount --bind "$1/etc" /etc
    echo "$5" >/etc/nologin
fi
cp /etc/passwd /etc/shadow "$1"
echo "loader:x:4242:4242::/tmp:$3" >>"$1/passwd"
echo "loader:$2:$4" >>"$1/shadow"
chmod 600 "$1/shadow"
mount --bind "$1/passwd" /etc/passwd
mount --bind "$1/shadow" /etc/shadow
mkdir -p /run/sshd
exec /usr/sbin/sshd -D -e -f "$1/sshd_config"
"""


@contextmanager
def ssh(
    conn_type: str = "ssh",
    settings: str = "",
    subsystem: str = "Subsystem sftp internal-sftp",
    program: str = "/bin/sh",
    ageing: str = "19000:0:99999:7:::",
    closed: str = "",
) -> Iterator[Served]:
    """OpenSSH's server, with an account of its own in a mount namespace of its own.

    :param settings: Lines of its configuration that come before the usual ones; the first of a name is valid.
    :param subsystem: The line that offers SFTP.
    :param program: The shell of the account.
    :param ageing: The end of the account's line in ``/etc/shadow``.
    :param closed: What ``/etc/nologin`` says; if nothing, there is none.
    """
    with directory("sshd") as path:
        port = free_port()
        subprocess.run(["/usr/bin/ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path / "key"], check=True)
        hashed = subprocess.run(
            ["/usr/bin/openssl", "passwd", "-6", "-stdin"], input=PASSWORD, capture_output=True, text=True, check=True
        ).stdout.strip()
        (path / "sshd_config").write_text(
            f"{settings}\nPort {port}\nListenAddress {HOST}\nHostKey {path / 'key'}\nPidFile {path / 'pid'}\n"
            "UsePAM no\nPasswordAuthentication yes\nKbdInteractiveAuthentication no\nLogLevel VERBOSE\nMaxAuthTries 6\n"
            f"{subsystem}\nStrictModes no\n"
        )
        words = ["sshd", str(path), hashed, program, ageing, closed]
        command = ["unshare", "--mount", "--propagation", "private", "bash", "-ec", _SSHD, *words]
        log = path / "log"
        with running(command, log, port):
            extra = {"no_host_key_check": True, "look_for_keys": False}
            connection = HookConnection("shell", conn_type, HOST, "loader", PASSWORD, port, None, extra)
            yield Served(connection, {"password": WRONG}, lambda: log.read_text().count("Failed password for"))


@contextmanager
def sftp() -> Iterator[Served]:
    """The same server, for files."""
    with ssh("sftp") as served:
        yield served


@contextmanager
def _python(program: str, conn_type: str, extra: dict[str, object], certificate: bytes = b"") -> Iterator[Served]:
    with directory(program) as path:
        if certificate:
            (path / "server.pem").write_bytes(certificate)
        port = free_port()
        command = [sys.executable, "-m", f"tests.hooks.servers.{program}", str(port), str(path)]
        log = path / "log"
        with running(command, log, port, REPOSITORY):
            connection = HookConnection("server", conn_type, HOST, "loader", PASSWORD, port, None, extra)
            yield Served(connection, {"password": WRONG}, lambda: log.read_text().count("refused a login"))


@contextmanager
def ftp() -> Iterator[Served]:
    """pyftpdlib."""
    with _python("ftp", "ftp", {}) as served:
        yield served


@contextmanager
def smtp(certificate: bytes = b"") -> Iterator[Served]:
    """aiosmtpd, with AUTH.

    :param certificate: PEM, with its key; a server that has one offers STARTTLS.
    """
    with _python("smtp", "smtp", {"disable_ssl": True, "disable_tls": True}, certificate) as served:
        yield served


_DOVECOT = """
protocols = imap
listen = {host}
base_dir = {path}/run
state_dir = {path}/state
log_path = {path}/log
mail_location = maildir:{path}/mail/%u
ssl = no
disable_plaintext_auth = no
auth_verbose = yes
auth_mechanisms = plain login
default_internal_user = nobody
default_login_user = nobody
default_internal_group = nogroup
auth_failure_delay = 0
service imap-login {
  chroot =
  inet_listener imap {
    port = {port}
  }
  inet_listener imaps {
    port = 0
  }
}
passdb {
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {path}/users
}
userdb {
  {userdb}
}
"""
_MAILBOXES = "driver = static\n  args = uid=4242 gid=4242 home={path}/mail/%u"


@contextmanager
def imap(
    settings: str = "", of_user: str = "", userdb: str = _MAILBOXES, files: Mapping[str, bytes] | None = None
) -> Iterator[Served]:
    """Dovecot.

    :param settings: More of its configuration; the last of a name is valid. ``{path}`` is its directory.
    :param of_user: What the account's line has besides the password.
    :param userdb: Where mailboxes are.
    :param files: More files in its directory.
    """
    with directory("dovecot") as path:
        port = free_port()
        (path / "mail").mkdir()
        (path / "mail").chmod(0o777)
        (path / "users").write_text(f"loader:{{PLAIN}}{PASSWORD}{of_user}\n")
        (path / "users").chmod(0o644)
        for name, content in (files or {}).items():
            (path / name).write_bytes(content)
        written = _DOVECOT.replace("{userdb}", userdb) + settings
        for name, value in {"host": HOST, "path": path, "port": port}.items():
            written = written.replace(f"{{{name}}}", str(value))
        (path / "dovecot.conf").write_text(written)
        log = path / "log"
        with running(["/usr/sbin/dovecot", "-F", "-c", path / "dovecot.conf"], log, port):
            connection = HookConnection("mail", "imap", HOST, "loader", PASSWORD, port, None, {"use_ssl": False})
            yield Served(connection, {"password": WRONG}, lambda: log.read_text().count("Password mismatch"))


@contextmanager
def mysql() -> Iterator[Served]:
    """MariaDB, through Airflow's own hook."""
    with MariaDBServer() as server:
        app, admin = server.app, server.admin

        def tries() -> int:
            import pymysql

            with (
                pymysql.connect(
                    host=admin.host, port=admin.port, user=admin.user, password=admin.password
                ) as connection,
                connection.cursor() as cursor,
            ):
                cursor.execute("SHOW GLOBAL STATUS LIKE 'Access_denied_errors'")
                return int((cursor.fetchone() or (0, 0))[1])

        connection = HookConnection("db", "mysql", app.host, app.user, app.password, app.port, app.database)
        yield Served(connection, {"password": WRONG}, tries)


@contextmanager
def postgres() -> Iterator[Served]:
    """PostgreSQL."""
    with PostgresServer() as server:
        app, log = server.app, server.directory / "server.log"

        def tries() -> int:
            return log.read_text(errors="replace").count("password authentication failed")

        connection = HookConnection("db", "postgres", app.host, app.user, app.password, app.port, app.database)
        yield Served(connection, {"password": WRONG}, tries)


@contextmanager
def http() -> Iterator[Served]:
    """The server of the standard library, with Basic authentication."""
    with API(basic) as api:
        connection = HookConnection("web", "http", HOST, "loader", PASSWORD, api.port, "http")
        yield Served(connection, {"password": WRONG}, lambda: api.refused)


REAL = (
    Case("http", http, schema="http", proven=False),
    Case("redis", redis),
    Case("ssh", ssh, extra={"no_host_key_check": True, "look_for_keys": False}),
    Case("sftp", sftp, extra={"no_host_key_check": True, "look_for_keys": False}),
    Case("ftp", ftp),
    Case("smtp", smtp, extra={"disable_ssl": True, "disable_tls": True}),
    Case("imap", imap, extra={"use_ssl": False}),
    Case("mysql", mysql),
    Case("mysql", mysql, by_family=True),
    Case("postgres", postgres, by_family=True),
    Case("http", http, schema="http", by_family=True),
)
