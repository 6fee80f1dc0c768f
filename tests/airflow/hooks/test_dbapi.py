"""What the operators of the common SQL provider expect of a hook, on real servers of all three SQL families."""

from __future__ import annotations

import itertools
import json
import stat
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.sql.hooks.handlers import fetch_all_handler, fetch_one_handler
from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator
from osiris_provider.hooks.dbapi import OsirisDbApiHook
from osiris_provider.hooks.duckdb_transaction import BATCH_PARAMETERS, Transaction
from osiris_provider.hooks.postgres import OsirisPostgresHook
from osiris_provider.secrets.connections_file import OsirisConnectionsBackend
from sqlalchemy.engine import make_url

from tests.airflow.conftest import MYSQL_SERVERS, NewHook
from tests.airflow.hooks.sql_values import CASES, IN_UTC, MOMENT, PLAIN_ROW, PLAIN_TYPES, ZONED


def _plain(value: Any) -> Any:
    """A value as it was meant: bytes of a view, what JSON says."""
    if isinstance(value, memoryview):
        return bytes(value)
    if isinstance(value, str) and value[:1] in "[{" and value:
        return json.loads(value)
    return value


@pytest.mark.parametrize("bulk", [False, True], ids=["a row", "many rows"])
def test_every_python_type_comes_back(hook_kept_open: OsirisDbApiHook, bulk: bool) -> None:
    hook = hook_kept_open
    for number, (dtype, given, expected) in enumerate(CASES[hook.family]):
        table = f"t{number}"
        hook.run(f"CREATE TABLE {table} (n INTEGER, v {dtype})", autocommit=True)
        rows = [(n, given) for n in range(3 if bulk else 1)]
        hook.insert_rows(table, rows, target_fields=["n", "v"] if bulk else None)
        actual = [value for (value,) in hook.get_records(f"SELECT v FROM {table} ORDER BY n")]
        is_text = dtype.lower().startswith(("varchar", "text"))
        values = actual if is_text else [_plain(value) for value in actual]
        assert values == [given if expected is None else expected] * len(rows), (dtype, given)


@pytest.mark.parametrize("mysql", MYSQL_SERVERS)
def test_transfers_between_families_keep_values(mysql: str, new_hook: NewHook) -> None:
    """As GenericTransfer does: the records of one hook are the rows of the other."""
    hooks = {hook.family: hook for hook in map(new_hook, (mysql, "postgres", "duckdb"))}
    for family, hook in hooks.items():
        columns = ", ".join(f"c{n} {dtype}" for n, dtype in enumerate(PLAIN_TYPES[family]))
        for table in ("t_source", *(f"t_of_{source}" for source in hooks)):
            hook.run(f"CREATE TABLE {table} ({columns})")
        hook.insert_rows("t_source", [PLAIN_ROW, (None,) * len(PLAIN_ROW)])
    for source, target in itertools.product(hooks, hooks):
        hooks[target].insert_rows(f"t_of_{source}", hooks[source].get_records("SELECT * FROM t_source"))
        actual, nothing = hooks[target].get_records(f"SELECT * FROM t_of_{source} ORDER BY c2 IS NULL")
        assert tuple(_plain(value) for value in actual) == PLAIN_ROW, (source, target)
        assert nothing == (None,) * len(PLAIN_ROW), (source, target)


def test_mysql_refuses_what_it_has_no_form_for(mysql_hook: OsirisDbApiHook) -> None:
    """PyMySQL would send the ``str`` of it."""
    hook = mysql_hook
    hook.run("CREATE TABLE t (v TEXT)")
    for value in ({1, 2}, object(), {"x": float("nan")}):
        with pytest.raises((TypeError, ValueError)):
            hook.insert_rows("t", [(value,)])
    assert hook.get_first("SELECT COUNT(*) FROM t") == (0,)


def test_a_moment_does_not_move_in_mysql(mysql_hook: OsirisDbApiHook, monkeypatch: pytest.MonkeyPatch) -> None:
    """A TIMESTAMP column reads a time as the session's zone tells it."""
    hook = mysql_hook
    hook.run("CREATE TABLE t (v TIMESTAMP(6) NULL)")
    zone = "+05:00"
    connect = hook.get_conn

    def in_zone() -> Any:
        connection = connect()
        with connection.cursor() as cursor:
            cursor.execute("SET time_zone = %s", (zone,))
        return connection

    monkeypatch.setattr(hook, "get_conn", in_zone)
    with pytest.raises(TypeError, match="would move"):
        hook.insert_rows("t", [(ZONED,)])
    hook.insert_rows("t", [(MOMENT,)])
    zone = "+00:00"
    hook.insert_rows("t", [(ZONED,)])
    assert hook.get_records("SELECT v FROM t ORDER BY v") == [(MOMENT - timedelta(hours=5),), (IN_UTC,)]


QUOTES = {"mysql": "`{}`", "postgres": '"{}"', "duckdb": '"{}"'}


@pytest.mark.parametrize("bulk", [False, True], ids=["a row", "many rows"])
def test_any_column_name(hook: OsirisDbApiHook, bulk: bool) -> None:
    quote = QUOTES[hook.family]
    names = ["order", "a b", "per%cent", 'we`ird"x', "1st", "plain", "ünï", quote[0]]
    quoted = [quote.format(name.replace(quote[0], quote[0] * 2)) for name in names]
    hook.run(f"CREATE TABLE t ({', '.join(f'{name} INTEGER' for name in quoted)})")
    rows = [tuple(range(len(names)))] * (3 if bulk else 1)
    hook.insert_rows("t", rows, target_fields=names)
    hook.insert_rows("t", rows, target_fields=quoted)
    assert hook.get_records("SELECT * FROM t") == rows * 2


def test_an_unquoted_name_of_postgres_stays_one(new_hook: NewHook) -> None:
    hook = new_hook("postgres")
    hook.run("CREATE TABLE t (ID int)")
    hook.insert_rows("t", [(1,)], target_fields=["ID"])
    assert hook.get_records("SELECT id FROM t") == [(1,)]


def test_no_row_is_lost_however_often_it_commits(hook_kept_open: OsirisDbApiHook) -> None:
    """Airflow's own loop takes chunks of 0 rows for the end."""
    hook = hook_kept_open
    for commit_every, count in itertools.product([0, 1, 2, 1000], [0, 1, 5]):
        table = f"t_{commit_every}_{count}"
        hook.run(f"CREATE TABLE {table} (n INTEGER)")
        hook.insert_rows(table, ((n,) for n in range(count)), target_fields=["n"], commit_every=commit_every)
        assert hook.get_records(f"SELECT n FROM {table} ORDER BY n") == [(n,) for n in range(count)], table


def test_rows_that_fail_leave_those_of_their_transaction_out(hook: OsirisDbApiHook) -> None:
    hook.run("CREATE TABLE t (n INTEGER NOT NULL)")
    with pytest.raises(Exception, match=r"(?i)null"):
        hook.insert_rows("t", [(1,), (2,), (3,), (None,)], target_fields=["n"], commit_every=2)
    assert hook.get_records("SELECT n FROM t ORDER BY n") == [(1,), (2,)]


REPLACED = [(1, "new", 10), (2, "two", 20), (3, "three", 30)]


@pytest.mark.parametrize("index", [None, "id", ["id"]])
def test_rows_are_replaced(hook: OsirisDbApiHook, index: Any) -> None:
    hook.run("CREATE TABLE t (id INTEGER PRIMARY KEY, name VARCHAR(9), n INTEGER)")
    hook.insert_rows("t", [(1, "old", 1), (2, "two", 2)], target_fields=["id", "name", "n"])
    hook.insert_rows("t", REPLACED, target_fields=["id", "name", "n"], replace=True, replace_index=index)
    assert hook.get_records("SELECT id, name, n FROM t ORDER BY id") == REPLACED


@pytest.mark.parametrize("family", ["postgres", "duckdb"])
def test_what_is_replaced_can_be_said(family: str, new_hook: NewHook) -> None:
    hook = new_hook(family)
    hook.run('CREATE TABLE t (id INTEGER, "Name" VARCHAR(9), n INTEGER, UNIQUE (id))')
    hook.insert_rows("t", [(1, "old", 1)])
    fields = ["id", '"Name"', "n"]
    hook.insert_rows("t", [(1, "new", 9)], fields, replace=True, replace_index=["id"], replace_target=["n"])
    assert hook.get_records("SELECT * FROM t") == [(1, "old", 9)]
    hook.insert_rows("t", [(1, "x", 0), (2, "y", 0)], fields, replace=True, replace_index="id", replace_target=[])
    assert hook.get_records("SELECT * FROM t ORDER BY id") == [(1, "old", 9), (2, "y", 0)]
    hook.upsert_rows("t", [(2, "z", 5)], fields, ["id"])
    assert hook.get_records("SELECT * FROM t ORDER BY id") == [(1, "old", 9), (2, "z", 5)]
    with pytest.raises(ValueError, match=r"no primary key\. Say replace_index"):
        hook.insert_rows("t", [(1, "x", 0)], fields, replace=True)


@pytest.mark.parametrize("autocommit", [False, True])
def test_statements_are_one_transaction_unless_autocommit(hook: OsirisDbApiHook, autocommit: bool) -> None:
    hook.run("CREATE TABLE t (n INTEGER)", autocommit=True)
    with pytest.raises(Exception, match="no_such_table"):
        hook.run(["INSERT INTO t VALUES (1)", "INSERT INTO no_such_table VALUES (1)"], autocommit=autocommit)
    assert hook.get_first("SELECT COUNT(*) FROM t") == (1 if autocommit else 0,)


def test_duckdb_takes_transactions_that_statements_control(new_hook: NewHook) -> None:
    hook = new_hook("duckdb")
    hook.run(["CREATE TABLE t (n INTEGER)", "BEGIN", "INSERT INTO t VALUES (1)", "COMMIT"])
    hook.run("BEGIN; INSERT INTO t VALUES (2); COMMIT; INSERT INTO t VALUES (3)", split_statements=True)
    hook.run(["BEGIN", "INSERT INTO t VALUES (4)", "ROLLBACK", "INSERT INTO t VALUES (5)"])
    hook.run("BEGIN TRANSACTION; INSERT INTO t VALUES (6); COMMIT")
    hook.run(["/* a comment */ START TRANSACTION", "INSERT INTO t VALUES (7)"])
    assert hook.get_records("SELECT n FROM t ORDER BY n") == [(1,), (2,), (3,), (5,), (6,), (7,)]


def test_duckdb_inserts_many_rows_a_statement(new_hook: NewHook) -> None:
    hook = new_hook("duckdb")
    hook.run("CREATE TABLE t (a INTEGER, b VARCHAR)")
    ran: list[int] = []

    class Counting(Transaction):
        def begin(self) -> None:
            ran.append(1)
            super().begin()

    with closing(hook.get_conn()) as connection:
        transaction = Counting(connection, autocommit=False)
        transaction.cursor().executemany("INSERT INTO t (a, b) VALUES (?,?)", [(n, "x") for n in range(10_000)])
        transaction.commit()
    assert hook.get_first("SELECT COUNT(*), SUM(a) FROM t") == (10_000, 49_995_000)
    assert len(ran) < 10
    with pytest.raises(Exception, match="Could not convert"):
        hook.insert_rows("t", [*[(n, "x") for n in range(BATCH_PARAMETERS)], ("no number", "x")], commit_every=0)
    assert hook.get_first("SELECT COUNT(*) FROM t") == (10_000,)


def test_a_dict_is_json_for_a_type_of_postgres_that_is_not_known(new_hook: NewHook) -> None:
    hook = new_hook("postgres")
    hook.run(["CREATE DOMAIN report AS jsonb", "CREATE TABLE t (v report)"])
    hook.insert_rows("t", [({"at": MOMENT, "of": [1, "x"]},)])
    assert hook.get_first("SELECT v FROM t") == ({"at": str(MOMENT), "of": [1, "x"]},)
    with pytest.raises(ValueError, match="JSON"):
        hook.insert_rows("t", [({"x": float("nan")},)])


@pytest.mark.parametrize("row", [{"a": "x", "b": "y"}, "ab", b"ab", {"a"}], ids=str)
def test_a_row_that_is_no_sequence_of_values_is_refused(hook: OsirisDbApiHook, row: Any) -> None:
    hook.run("CREATE TABLE t (a VARCHAR(9), b VARCHAR(9))")
    with pytest.raises(TypeError, match=f"^Row 2 is a {type(row).__name__}; a row is a tuple or list of values"):
        hook.insert_rows("t", [("x", "y"), row], target_fields=["a", "b"])
    with pytest.raises(TypeError, match=f"^Row 1 is a {type(row).__name__}; "):
        hook.upsert_rows("t", [row], ["a", "b"], ["a"])
    assert hook.get_first("SELECT COUNT(*) FROM t") == (0,)


def test_results_and_descriptions_are_those_of_the_base_class(hook: OsirisDbApiHook) -> None:
    one, two = "SELECT 1 AS a", "SELECT 2 AS b"
    assert hook.run(one) is None
    assert hook.run(one, handler=fetch_all_handler) == [(1,)]
    assert hook.run(one, handler=fetch_one_handler) == (1,)
    assert hook.run([one, two], handler=fetch_all_handler) == [[(1,)], [(2,)]]
    assert [[column[0] for column in actual or ()] for actual in hook.descriptions] == [["a"], ["b"]]
    both = f"{one}; {two};"
    assert hook.run(both, handler=fetch_all_handler, split_statements=True) == [(2,)]
    assert [column[0] for column in hook.last_description or ()] == ["b"]
    actual = hook.run(both, handler=fetch_all_handler, split_statements=True, return_last=False)
    assert actual == [[(1,)], [(2,)]]
    assert len(hook.descriptions) == 2
    with pytest.raises(ValueError, match="List of SQL statements is empty"):
        hook.run([])


def test_parameters_take_the_place_of_placeholders(hook: OsirisDbApiHook) -> None:
    sign = hook.placeholder
    assert hook.get_first(f"SELECT {sign}, '5%'".replace("5%", "5%%" if sign == "%s" else "5%"), ["it's"]) == (
        "it's",
        "5%",
    )
    assert hook.get_first("SELECT '5%'") == ("5%",)


def test_names_of_dialects(hook: OsirisDbApiHook) -> None:
    assert hook.dialect_name == {"postgres": "postgresql"}.get(hook.family, hook.family)
    hook.run("CREATE TABLE t (b INTEGER, a INTEGER, n INTEGER, PRIMARY KEY (a, b))")
    assert hook.dialect.get_column_names("t") == ["b", "a", "n"]
    assert set(hook.dialect.get_primary_keys("t") or ()) == {"a", "b"}
    # Quotes around nothing are quotes, of which one alone is a part of the name.
    quote = hook.dialect.escape_word_format[0]
    assert [hook.dialect.escape_word(quote * count) for count in (1, 2)] == [quote * 4, quote * 2]
    assert [hook.dialect.column_name(quote * count) for count in (1, 2)] == [quote, ""]


def test_rows_are_upserted(hook: OsirisDbApiHook) -> None:
    odd = QUOTES[hook.family].format("per%cent")
    hook.run(f"CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER, {odd} INTEGER, kept INTEGER DEFAULT 7)")
    fields = ["id", "n", "per%cent"]
    hook.insert_rows("t", [(1, 1, 1, 1)])
    hook.upsert_rows("t", [(1, 2, 2), (2, 2, 2)], fields, ["id"])
    assert hook.get_records("SELECT * FROM t ORDER BY id") == [(1, 2, 2, 1), (2, 2, 2, 7)]
    hook.upsert_rows("t", [(1, 3, 3), (3, 3, 3)], fields, ["id"], update_fields=["per%cent"])
    assert hook.get_records("SELECT * FROM t ORDER BY id") == [(1, 2, 3, 1), (2, 2, 2, 7), (3, 3, 3, 7)]
    hook.upsert_rows("t", ((n, 4, 4) for n in (1, 4)), fields, ["id"], update_fields=[], commit_every=1)
    assert hook.get_records("SELECT id, n FROM t ORDER BY id") == [(1, 2), (2, 2), (3, 3), (4, 4)]
    with pytest.raises(ValueError, match="conflict_fields is empty"):
        hook.upsert_rows("t", [(1, 1, 1)], fields, [])


def test_handlers_get_the_cursor_and_no_rows_are_no_rows(hook: OsirisDbApiHook) -> None:
    hook.run("CREATE TABLE t (n INTEGER)")
    assert hook.run("SELECT 1 AS n", handler=lambda cursor: [cursor.description[0][0], *cursor.fetchall()]) == [
        "n",
        (1,),
    ]
    assert hook.get_records("SELECT n FROM t") == []
    assert hook.get_first("SELECT n FROM t") is None


def test_statements_are_logged_unless_log_sql_is_off(new_hook: NewHook, capfd: pytest.CaptureFixture[str]) -> None:
    kind = type(new_hook("duckdb"))
    kind().run("SELECT 'shown'")
    kind(log_sql=False).run("SELECT 'silent'")
    said = "".join(capfd.readouterr())
    assert "shown" in said
    assert "silent" not in said


def test_the_operators_database_is_used(mysql_hook: OsirisDbApiHook) -> None:
    other = type(mysql_hook)(schema="information_schema")
    assert other.get_first("SELECT DATABASE()") == ("information_schema",)
    assert make_url(other.get_uri()).database == "information_schema"
    assert mysql_hook.get_first("SELECT DATABASE()") == (mysql_hook.resolved["database"],)


@pytest.mark.parametrize("server", ["postgres", "duckdb"])
def test_rows_leave_generated_columns_out(server: str, new_hook: NewHook) -> None:
    hook = new_hook(server)
    generated = "GENERATED ALWAYS AS (n + 1)" + (" STORED" if server == "postgres" else "")
    flag = "bool" if server == "postgres" else "JSON"
    hook.run(f"CREATE TABLE t (g INTEGER {generated}, n INTEGER PRIMARY KEY, d INTEGER DEFAULT 7, f {flag})")
    assert hook.dialect.get_column_names("t") == ["n", "d", "f"]
    assert hook.dialect.get_primary_keys("t") == ["n"]
    given = 1 if server == "postgres" else {"a": 1}
    assert hook.dialect.get_primary_keys("t", "public" if server == "postgres" else "main") == ["n"]
    assert (hook.dialect.get_column_names("none"), hook.dialect.get_primary_keys("none")) == ([], None)
    for row in ((1, 1, given), (1, 2, given)):
        hook.insert_rows("t", [row], ["n", "d", "f"], replace=True)
        hook.insert_rows("t", [row], replace=True)
    assert hook.get_first("SELECT g, n, d FROM t") == (2, 1, 2)


def test_files_are_copied_to_and_from_postgres(new_hook: NewHook, tmp_path: Path) -> None:
    hook = new_hook("postgres")
    assert isinstance(hook, OsirisPostgresHook)
    hook.run("CREATE TABLE t (n int, v text)")
    hook.insert_rows("t", [(1, "a\tb"), (2, None)])
    file = tmp_path / "dump"
    hook.bulk_dump("t", str(file))
    assert file.read_text() == "1\ta\\tb\n2\t\\N\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    hook.bulk_load("t", str(file))
    hook.copy_expert("COPY (SELECT 7) TO STDOUT", file)
    assert file.read_text() == "7\n"
    assert hook.get_records("SELECT count(*), count(v) FROM t") == [(4, 2)]
    hook.copy_expert("COPY t (n) FROM STDIN", file)
    for columns in ("(n)", '  ( "n" ) '):
        hook.bulk_load(f"t{columns}", str(file))
    assert hook.get_records("SELECT n, count(*) FROM t WHERE v IS NULL GROUP BY n ORDER BY n") == [(2, 2), (7, 3)]
    with pytest.raises(FileNotFoundError):
        hook.bulk_load("t", str(tmp_path / "no_such_file"))


def test_no_connection_of_mysql_is_left_open(
    mysql_hook: OsirisDbApiHook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mysql_hook.run("CREATE TABLE t (n INTEGER)")
    clients: list[Any] = []
    connect = mysql_hook.get_conn

    def kept() -> Any:
        clients.append(connect())
        return clients[-1]

    monkeypatch.setattr(mysql_hook, "get_conn", kept)
    file = str(tmp_path / "dump")
    mysql_hook.bulk_dump("t", file)
    mysql_hook.bulk_load("t", file)
    with pytest.raises(Exception, match="no_such_table"):
        mysql_hook.bulk_dump("no_such_table", file)
    assert [client.open for client in clients] == [False] * 3


def _execute(operator: Any) -> Any:
    return operator.execute({})


NAMESPACES = {"mysql": "mysql://{host}:{port}", "postgres": "postgres://{host}:{port}", "duckdb": "duckdb://{path}"}
SCHEMAS = {"mysql": ("{database}",), "postgres": ("{database}", "public"), "duckdb": ("Ware House", "main")}


def test_openlineage_learns_of_the_tables_of_a_query(hook: OsirisDbApiHook, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = OsirisConnectionsBackend()
    connection_id = f"osiris_{hook.family}_default"
    monkeypatch.setenv(f"AIRFLOW_CONN_{connection_id.upper()}", str(backend.get_conn_value(connection_id)))
    hook.run(["CREATE TABLE source (n INTEGER)", "CREATE TABLE copy (n INTEGER)"])
    sql = SQLExecuteQueryOperator(task_id="sql", conn_id=connection_id, sql="INSERT INTO copy SELECT n FROM source")
    _execute(sql)
    facets = sql.get_openlineage_facets_on_complete(SimpleNamespace(task=sql))
    assert facets is not None
    where = dict(hook.resolved)
    within = [part.format(**where) for part in SCHEMAS[hook.family]]
    for datasets, table in ((facets.inputs, "source"), (facets.outputs, "copy")):
        (dataset,) = datasets
        assert dataset.namespace == NAMESPACES[hook.family].format(**where)
        assert dataset.name == ".".join([*within, table])
        assert [field.name for field in dataset.facets["schema"].fields] == ["n"]
    ((source,), (copy,)) = facets.inputs, facets.outputs
    (origin,) = copy.facets["columnLineage"].fields["n"].inputFields
    assert (origin.namespace, origin.name, origin.field) == (source.namespace, source.name, "n")


@pytest.mark.parametrize("target", ["@{}.default", "@{}", "{}.default"])
def test_a_reference_is_a_connection_id_of_any_operator(
    hook: OsirisDbApiHook, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The secrets backend knows it."""
    from airflow.sdk.execution_time import supervisor

    monkeypatch.setattr(supervisor, "ensure_secrets_backend_loaded", lambda: [OsirisConnectionsBackend()])
    sql = SQLExecuteQueryOperator(task_id="sql", conn_id=target.format(hook.family), sql="SELECT 42")
    assert _execute(sql) == [(42,)]
