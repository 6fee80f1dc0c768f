"""The throwaway servers do what the other tests rely on."""

from __future__ import annotations

import ssl
from contextlib import closing
from pathlib import Path

import psycopg2.extensions
import pymysql
import pytest
import trustme
from pymysql.connections import Connection as MySQLConnection

from tests.servers import APP_PASSWORD, APP_USER, Address, MariaDBServer, MySQLFamilyServer, MySQLServer, PostgresServer
from tests.servers.kinds import MYSQL_AND_MARIADB
from tests.servers.process import Server
from tests.servers.programs import ServerStartError
from tests.servers.templates import VARIABLE, make_or_copy


def connect_mysql(address: Address, tls: ssl.SSLContext | None = None) -> MySQLConnection:
    return pymysql.connect(
        host=address.host,
        port=address.port,
        user=address.user,
        # As bytes: PyMySQL encodes a str as Latin-1, whatever the charset of the connection.
        password=address.password.encode(),
        database=address.database,
        ssl=tls,
    )


def connect_postgres(
    address: Address, sslmode: str = "prefer", sslrootcert: str | None = None
) -> psycopg2.extensions.connection:
    return psycopg2.connect(
        host=address.host,
        port=address.port,
        user=address.user,
        password=address.password,
        dbname=address.database,
        sslmode=sslmode,
        sslrootcert=sslrootcert,
    )


def test_the_application_password_is_hostile() -> None:
    assert set("@:/#%?& ") <= set(APP_PASSWORD)
    assert not APP_PASSWORD.isascii()


def test_an_address_does_not_print_its_password(mysql_database: Address) -> None:
    assert APP_PASSWORD not in repr(mysql_database)


@MYSQL_AND_MARIADB
def test_mysql_takes_the_application_account(mysql_database: Address) -> None:
    with closing(connect_mysql(mysql_database)) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE t (a INT)")
        cursor.execute("SELECT database()")
        assert cursor.fetchone() == (mysql_database.database,)


def test_postgres_takes_the_application_account(postgres_database: Address) -> None:
    with closing(connect_postgres(postgres_database)) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE t (a INT)")
        cursor.execute("SELECT current_database()")
        assert cursor.fetchone() == (postgres_database.database,)


@MYSQL_AND_MARIADB
def test_a_database_with_an_open_transaction_can_be_dropped(mysql_family: MySQLFamilyServer) -> None:
    mysql_family.create_database("held")
    with closing(connect_mysql(mysql_family.app_on("held"))) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE t (a INT)")
        cursor.execute("START TRANSACTION")
        cursor.execute("SELECT * FROM t")
        mysql_family.drop_database("held")


def test_mysql_is_mysql_as_its_users_meet_it(mysql_server: MySQLServer) -> None:
    own_authority = ssl.create_default_context(cafile=str(mysql_server.data / "ca.pem"))
    # The server made its certificate by itself, and does not know how it will be called.
    own_authority.check_hostname = False
    with closing(mysql_server.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT plugin FROM mysql.user WHERE user = %s", (APP_USER,))
        assert cursor.fetchone() == ("caching_sha2_password",)
    with closing(connect_mysql(mysql_server.app, own_authority)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT @@version NOT LIKE '%MariaDB%', @@local_infile, @@require_secure_transport")
        assert cursor.fetchone() == (1, 0, 0)
        cursor.execute("SHOW STATUS LIKE 'Ssl_cipher'")
        (status,) = cursor.fetchall()
        assert status[1]


def test_the_servers_do_not_run_as_root(
    mariadb: MariaDBServer, mysql_server: MySQLServer, postgres: PostgresServer
) -> None:
    for server in (mariadb, mysql_server, postgres):
        assert Path(f"/proc/{server.pid}").stat().st_uid != 0


def test_mariadb_with_tls_and_an_option() -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    files = {
        "cert.pem": certificate.cert_chain_pems[0].bytes(),
        "key.pem": certificate.private_key_pem.bytes(),
    }
    options = ["--ssl-cert=cert.pem", "--ssl-key=key.pem", "--max-connections=11"]
    tls = ssl.create_default_context()
    authority.configure_trust(tls)
    with (
        MariaDBServer(options, files) as server,
        closing(connect_mysql(server.app, tls)) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("SHOW STATUS LIKE 'Ssl_cipher'")
        (status,) = cursor.fetchall()
        assert status[1]
        cursor.execute("SELECT @@max_connections")
        assert cursor.fetchone() == (11,)


def test_postgres_with_tls_and_a_setting(tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    files = {
        "cert.pem": certificate.cert_chain_pems[0].bytes(),
        "key.pem": certificate.private_key_pem.bytes(),
    }
    conf = {"ssl": "on", "ssl_cert_file": "cert.pem", "ssl_key_file": "key.pem", "max_connections": "11"}
    root = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(root))
    hba = ["hostnossl all all 127.0.0.1/32 reject"]
    with PostgresServer(conf, hba, files) as server:
        with (
            closing(connect_postgres(server.app, sslmode="verify-full", sslrootcert=str(root))) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute("SHOW max_connections")
            assert cursor.fetchone() == ("11",)
        with pytest.raises(psycopg2.OperationalError):
            connect_postgres(server.app, sslmode="disable")


@pytest.mark.parametrize(
    ("server", "said"),
    [
        (MariaDBServer(["--no-such-option=1"]), "no-such-option"),
        (MySQLServer(["--no-such-option=1"]), "no-such-option"),
        (PostgresServer({"no_such_setting": "1"}), "no_such_setting"),
    ],
)
def test_a_server_that_cannot_start_says_why(server: Server, said: str) -> None:
    with pytest.raises(ServerStartError, match=said):
        server.start()


def test_stopping_leaves_neither_process_nor_files() -> None:
    with PostgresServer() as server:
        pid, directory = server.pid, server.directory
    assert not Path(f"/proc/{pid}").exists()
    assert not directory.exists()


def test_mysql_is_left_out_only_if_scripts_test_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it was never found and cannot be downloaded; elsewhere a missing server is a failure."""
    monkeypatch.setenv("TEST_WITHOUT", "mysql")
    with pytest.raises(pytest.skip.Exception, match="MySQL is not tested"):
        MySQLServer().start()


def test_a_data_directory_is_made_once_for_each_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    created: list[Path] = []

    def make_or_copied(key: str, name: str) -> Path:
        data = tmp_path / "data" / name

        def make() -> None:
            created.append(data)
            data.mkdir(parents=True)
            (data / "file").write_text(key)

        make_or_copy(key, data, make)
        return data

    first, second = (make_or_copied("postgres/usr/bin/initdb", name) for name in ("first", "second"))
    other = make_or_copied("postgres/opt/bin/initdb", "other")
    assert created == [first, other]
    (first / "file").write_text("changed")
    assert (second / "file").read_text() == "postgres/usr/bin/initdb"
    assert (other / "file").read_text() == "postgres/opt/bin/initdb"
