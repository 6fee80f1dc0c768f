"""The file: where it is found, what it may be, and what is said of a broken one (CONN-001)."""

from __future__ import annotations

import os
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from osiris_provider.cli.main import main
from osiris_provider.connections import list_connections, resolve_connection
from osiris_provider.connections.load import load_connections
from osiris_provider.connections.reader import FILE_NAME
from osiris_provider.connections.validate import validate_file
from osiris_provider.errors import ConnectionConfigError

from tests.unit.connection_files import SAMPLES, block, mysql, write

TOP = "version: 1\nconnections:\n"
ALIAS_BOMB = (
    TOP
    + "  mysql:\n    a0: &a0 {x: [1, 2, 3, 4, 5, 6, 7, 8, 9]}\n"
    + "".join(f"    a{n}: &a{n} {{x: [{', '.join([f'*a{n - 1}'] * 9)}]}}\n" for n in range(1, 15))
)
MERGE_BOMB = (
    TOP
    + "  mysql:\n    a0: &a0 {host: h, user: u}\n"
    + "".join(f"    a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}\n" for n in range(1, 15))
)
WIDE_MERGES = (
    TOP
    + f"  mysql:\n    a: &a {{{', '.join(f'f{n}: 1' for n in range(20_000))}}}\n"
    + f"    b: {{<<: [{', '.join(['*a'] * 10_000)}]}}\n"
)
HOSTILE = {
    "empty": ("", "is empty"),
    "only comments": ("# nothing\n# here\n", "is empty"),
    "only a marker": ("---\n", "is empty"),
    "a list": ("- a\n- b\n", "is not a mapping"),
    "a text": ("hello", "is not a mapping"),
    "two documents": (f"{SAMPLES}---\n{SAMPLES}", "single document"),
    "no version": ("connections: {}\n", "version: 1 is required"),
    "another version": ("version: 2\nconnections: {}\n", "version: is 1, a number without quotes"),
    "version as a yes": ("version: true\nconnections: {}\n", "version: is 1, a number without quotes"),
    "version as text": ("version: '1'\nconnections: {}\n", "version: is 1, a number without quotes"),
    "no connections": ("version: 1\n", "connections: is required"),
    "empty connections": (TOP, "connections is empty"),
    "connections as a list": ("version: 1\nconnections: [a]\n", "connections is not a mapping"),
    "unknown key at the top": (f"{SAMPLES}conections: 1\n", "unknown key 'conections' at the top. Did you mean"),
    "unknown family": (f"{TOP}  mysq: {{}}\n", "unknown family 'mysq'. Did you mean 'mysql'?"),
    "family as text": (f"{TOP}  mysql: x\n", "family mysql is not a mapping"),
    "family empty": (f"{TOP}  mysql:\n", "family mysql is empty"),
    "key twice at the top": (f"{SAMPLES}version: 1\n", "'version' stands twice"),
    "family twice": (f"{SAMPLES}  mysql: {{}}\n", "'mysql' stands twice in connections, first in line 3"),
    "alias twice": (f"{TOP}  mysql:\n    a: {{host: h}}\n    a: {{host: g}}\n", "'a' stands twice in family mysql"),
    "key that is a list": (f"{TOP}  ? [a, b]\n  : x\n", "a name in connections is not a text"),
    "tab": (f"{TOP}\tmysql: x\n", "indented with a tab"),
    "UTF-16": (SAMPLES.encode("utf-16"), "is UTF-16; save it as UTF-8"),
    "UTF-16 big end first": (b"\xfe\xff" + SAMPLES.encode("utf-16-be"), "is UTF-16"),
    "Latin-1": (SAMPLES.encode() + b"# caf\xe9\n", "is not UTF-8 at line 33"),
    "NUL": (SAMPLES.encode() + b"\0", "is binary"),
    "random bytes": (bytes(range(256)) * 100, "is binary"),
    "control character": (f"{SAMPLES}# \x07\n", "control character"),
    "too large": (b"# noise\n" * 300_000, "too large"),
    "deep flow": ("[" * 50_000, "nests deeper than 20 levels"),
    "deep flow mappings": ("{a: " * 50_000, "nests deeper"),
    "deep block": ("\n".join(" " * n + "a:" for n in range(1000)), "nests deeper"),
    "deep block sequence": ("- " * 50_000, "nests deeper"),
    "many items": ("version: 1\nconnections: [" + "a, " * 300_000 + "]\n", "has over 200,000 items"),
    "alias bomb": (ALIAS_BOMB, "expand to too many nodes"),
    "merge bomb": (MERGE_BOMB, "expand to too many nodes"),
    "wide merges": (WIDE_MERGES, "expand to too many nodes"),
    "alias in itself": (f"{TOP}  mysql:\n    a: {{x: &x [*x]}}\n", "expand to too many nodes"),
    "merge of itself": (f"{TOP}  mysql:\n    a: &a\n      <<: *a\n      host: h\n", "expand to too many nodes"),
    "undefined alias": (f"{TOP}  mysql: *nothing\n", "undefined alias"),
    "python object": (f"{TOP}  mysql: !!python/object/apply:os.system [id]\n", "begins with !"),
    "unclosed quote": (f"{TOP}  mysql:\n    a: {{host: 'h}}\n", "is not valid YAML"),
    "unclosed bracket": (f"{TOP}  mysql: {{", "is not valid YAML"),
    "variable within braces": (
        f"{TOP}  mysql:\n    a: {{host: h, password: ${{X}}}}\n",
        "did not find expected a comma or its end; within braces and brackets put ${NAME} in single quotes",
    ),
    "two defaults": (
        f"{TOP}  mysql:\n    a: {{host: h, user: u, default: true}}\n    b: {{host: h, user: u, default: true}}\n",
        "more than one default: true (a and b)",
    ),
}


@contextmanager
def soon() -> Iterator[None]:
    """What grows without bounds takes minutes. Alone it is under a second; here it pays for the garbage collector of a
    process full of other tests, whose time this is not to measure."""
    started = time.thread_time()
    yield
    assert time.thread_time() - started < 5.0


def error_of(file: Path) -> ConnectionConfigError:
    with soon(), pytest.raises(ConnectionConfigError) as raised:
        list_connections(file)
    assert str(file) in str(raised.value)
    assert raised.value.file == str(file)
    return raised.value


@pytest.mark.parametrize(("content", "said"), HOSTILE.values(), ids=HOSTILE)
def test_conn_001_hostile_or_broken_file(content: str | bytes, said: str, tmp_path: Path) -> None:
    error = error_of(write(tmp_path, content))
    assert said in str(error)
    assert "[" not in str(error).replace(str(tmp_path), "")


@pytest.mark.parametrize(
    ("text", "line"),
    [("    host: h\n", 4), ("    a:\n      host:h\n      user:u\n", 5)],
    ids=["no alias", "no blanks"],
)
def test_a_value_where_fields_belong_is_met_with_where_they_stand(text: str, line: int, tmp_path: Path) -> None:
    [problem] = load_connections(str(write(tmp_path, f"{TOP}  mysql:\n{text}"))).problems
    assert "has a value where its fields belong: they stand below an alias" in problem.message
    assert problem.line == line


def test_conn_001_noise_of_50_megabytes(tmp_path: Path) -> None:
    file = tmp_path / FILE_NAME
    with file.open("wb") as opened:
        opened.truncate(50 * 1024 * 1024)
    assert "too large" in str(error_of(file))


def test_conn_001_two_mebibytes_are_read_and_a_byte_more_is_not(tmp_path: Path) -> None:
    text = f"{TOP}  duckdb:\n    main: {{path: x}}\n#"
    largest = text + "#" * (2 * 1024 * 1024 - len(text))
    assert [one["alias"] for one in list_connections(write(tmp_path, largest))] == ["main"]
    assert "too large" in str(error_of(write(tmp_path, largest + "#")))


def test_conn_001_directory(tmp_path: Path) -> None:
    assert f"is a directory; name the file in it, such as {tmp_path / FILE_NAME}" in str(error_of(tmp_path))


def test_conn_001_fifo(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    assert "is not a regular file" in str(error_of(tmp_path / "fifo"))


def test_conn_001_device() -> None:
    assert "is not a regular file" in str(error_of(Path("/dev/zero")))


def test_conn_001_symlink_loop_and_dangling_symlink(tmp_path: Path) -> None:
    for name, target, said in [("loop", "loop", "Too many levels"), ("dangling", "gone", "No such file")]:
        (tmp_path / name).symlink_to(tmp_path / target)
        assert said in str(error_of(tmp_path / name))


@contextmanager
def nobody() -> Iterator[None]:
    """Act as a user without rights; root may read everything."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize(
    ("mode_of_directory", "said"), [(0o755, "Permission denied"), (0o000, "cannot be reached: Permission denied")]
)
def test_conn_001_no_permission(mode_of_directory: int, said: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        file = write(Path(name), SAMPLES)
        assert list_connections(file)
        file.chmod(0)
        Path(name).chmod(mode_of_directory)
        with nobody(), pytest.raises(ConnectionConfigError, match=said):
            list_connections(file)
        Path(name).chmod(0o700)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("password: @s3cret", "is not valid YAML"),
        ("password: `s3cret", "is not valid YAML"),
        ("password: %s3cret", "is not valid YAML"),
        ("password: *s3cret", "undefined alias"),
        ("password: &s3cret", "begins with &"),
        ("password: &s3cret word", "begins with &"),
        ("password: !s3cret", "begins with !"),
        ("password: !!s3cret", "begins with !"),
        ("password: !!python/name:os.system s3cret", "begins with !"),
        ("password: !!python/object/apply:os.system [s3cret]", "begins with !"),
        ("password: '!' s3cret", "is not valid YAML"),
        ("password: {s3cret", "is not valid YAML"),
        ("password: [s3cret", "is not valid YAML"),
        ("password: ]s3cret", "is not valid YAML"),
        ("password: |s3cret", "is not valid YAML"),
        ("password: >s3cret", "is not valid YAML"),
        ("password: 's3cret", "is not valid YAML"),
        ('password: "s3cret\\q"', "is not valid YAML"),
        ("password: a: s3cret", "is not valid YAML"),
        ("password: - s3cret", "is not valid YAML"),
        ("password: #s3cret", "is empty; leave it out, or put a value that begins with # in single quotes"),
        ("password: {s3cret: s3cret}", "field password"),
        ("password: [s3cret]", "field password"),
    ],
)
def test_conn_001_a_secret_that_yaml_misreads_is_named_but_not_shown(line: str, said: str, tmp_path: Path) -> None:
    file = write(tmp_path, block("host: h", "user: u", line))
    with pytest.raises(ConnectionConfigError) as raised:
        resolve_connection("@mysql.default", file)
    assert said in str(raised.value)
    assert f"{file}:7" in str(raised.value) or f"{file}:8" in str(raised.value)
    assert "s3cret" not in f"{raised.value} {raised.value!r} {vars(raised.value)} {raised.value.__context__!r}"


@pytest.mark.parametrize(
    "fields",
    [
        "password:s3cret",
        'password:"s3cret"',
        "password=s3cret",
        # A comma that is not quoted ends the value.
        "password: begin,s3cret",
        "password: begin, s3cret",
        "'s3cret'",
        "\n      s3cret",
        "extra: {s3cret}",
    ],
)
def test_conn_001_a_name_without_a_value_is_a_mistake_and_is_not_shown(
    fields: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path, mysql(fields))
    with pytest.raises(ConnectionConfigError) as raised:
        resolve_connection("@mysql.default", file)
    said = "has a name without a value; put a blank behind its colon, and a value that has a comma or a colon in single"
    assert said in str(raised.value)
    for command in ("list", "validate"):
        main(["connections", command, "--file", str(file)])
        main(["connections", command, "--json", "--file", str(file)])
    shown = "".join(capsys.readouterr())
    assert said in shown
    assert "s3cret" not in f"{raised.value} {vars(raised.value)} {shown}"


@pytest.mark.parametrize("fields", ["database: ", "'database': # nothing: here\n      ", "? database\n      :\n      "])
def test_conn_001_a_name_with_an_empty_value_is_none(fields: str, tmp_path: Path) -> None:
    resolved = resolve_connection("@mysql.default", write(tmp_path, mysql(fields)))
    assert dict(resolved) == {"family": "mysql", "alias": "default", "host": "h", "user": "u"}


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_conn_001_any_bytes_give_a_list_or_one_clear_error(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as directory:
        file = write(Path(directory), content)
        with pytest.raises(ConnectionConfigError):
            list_connections(file)


@given(st.text(alphabet="abmysql :\n-[]{}&*!'\"#<|>%@?,0123456789", max_size=200))
def test_conn_001_any_tail_gives_a_list_or_one_clear_error(tail: str) -> None:
    with tempfile.TemporaryDirectory() as directory:
        file = write(Path(directory), f"{TOP}  mysql:\n    a:\n      host: {tail}")
        with suppress(ConnectionConfigError):
            list_connections(file)
        assert all(problem.message.isprintable() for problem in validate_file(file)[1])


def test_conn_001_windows_line_ends_and_byte_order_mark(tmp_path: Path) -> None:
    file = write(tmp_path, b"\xef\xbb\xbf" + mysql("port: 3307").replace("\n", "\r\n").encode())
    assert resolve_connection("@mysql.default", file)["port"] == 3307


def test_conn_001_merged_fields(tmp_path: Path) -> None:
    text = f"{TOP}  mysql:\n    a: &a {{host: h, user: u, port: 1}}\n    b:\n      <<: *a\n      port: 2\n"
    resolved = resolve_connection("@mysql.b", write(tmp_path, text))
    assert resolved == {"family": "mysql", "alias": "b", "host": "h", "user": "u", "port": 2}


def test_conn_001_a_broken_connection_breaks_no_other(tmp_path: Path) -> None:
    text = f"{TOP}  mysql:\n    a: {{host: h, user: u}}\n    b: {{host: h, host: g}}\n    B: {{}}\n    c: 3\n"
    file = write(tmp_path, text)
    assert resolve_connection("@mysql.a", file)["host"] == "h"
    with pytest.raises(ConnectionConfigError, match=r"'host' stands twice in the connection, first in line 5"):
        resolve_connection("@mysql.b", file)
    with pytest.raises(ConnectionConfigError, match=r"@mysql\.c: the connection has a value where its fields belong"):
        resolve_connection("@mysql.c", file)
    _, problems, _ = validate_file(file)
    assert [(problem.line, problem.reference) for problem in problems][:3] == [
        (5, "@mysql.b"),
        (5, "@mysql.b"),
        (6, "@mysql.B"),
    ]


def test_conn_001_validate_finds_all_problems_at_once(tmp_path: Path) -> None:
    text = (
        f"{TOP}  mysql:\n    a:\n      hots: h\n      port: abc\n      password: ${{NOT_SET_ANYWHERE}}\n"
        "  duckdb:\n    A-1: {path: x}\n  nosuch: {}\n"
    )
    path, problems, warnings = validate_file(write(tmp_path, text))
    assert path.is_absolute()
    actual = {(problem.line, problem.reference, problem.field) for problem in problems}
    assert actual == {
        (4, "@mysql.a", "host"),
        (4, "@mysql.a", "user"),
        (6, "@mysql.a", "port"),
        (7, "@mysql.a", "password"),
        (9, "@duckdb.A-1", None),
        (10, None, None),
    }
    assert [(warning.line, warning.field) for warning in warnings] == [(5, "hots")]
    assert "Did you mean 'host'?" in warnings[0].message


def test_conn_001_validate_without_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOT_SET_ANYWHERE", raising=False)
    text = mysql("password: '${NOT_SET_ANYWHERE}', port: '${NOT_SET_ANYWHERE}', database: d, connect_timeout: -1")
    file = write(tmp_path, text)
    assert [problem.field for problem in validate_file(file, variables=False)[1]] == ["connect_timeout"]
    assert len(validate_file(file)[1]) == 3


def test_conn_001_a_misquoted_value_breaks_no_other_connection(tmp_path: Path) -> None:
    text = f"{TOP}  mysql:\n    a: {{host: h, user: u}}\n    b:\n      host: h\n      user: u\n      password: &x\n"
    file = write(tmp_path, text)
    assert resolve_connection("@mysql.a", file)["host"] == "h"
    with pytest.raises(ConnectionConfigError, match=r":8: @mysql\.b: field password: .* begins with &"):
        resolve_connection("@mysql.b", file)


def test_conn_001_messages_show_no_terminal_codes_or_brackets(tmp_path: Path) -> None:
    text = TOP + '  "my\\e[31msql": {}\n  mysql:\n    "a\\e[0m[b]": {host: h}\n'
    problems = validate_file(write(tmp_path, text))[1]
    assert len(problems) == 2
    for problem in problems:
        assert problem.message.isprintable()
        assert not re.search(r"[\[\]]", problem.message)


@pytest.mark.parametrize("alias", ["Main", "1st", "a-b", "a.b", "", "main_"])
def test_an_alias_is_a_name_that_a_reference_can_have(alias: str, tmp_path: Path) -> None:
    text = f"{TOP}  mysql:\n    '{alias}': {{host: h, user: u, password: p, database: d}}\n"
    _, problems, _ = validate_file(write(tmp_path, text))
    said = f"'{alias}' cannot be an alias; begin with a letter and use only a-z, 0-9 and _"
    assert [(problem.line, problem.message) for problem in problems] == ([] if alias == "main_" else [(4, said)])


ANCHORS = """
version: 1
connections:
  mysql:
    one: &all
      host: &host db.example.com
      user: &user reader
      database: shop
    two: {<<: *all, host: *host, user: *user}
    three: {host: *host, user: *user, database: shop}
"""


def test_an_anchor_that_is_used_is_no_remark_whatever_it_names(tmp_path: Path) -> None:
    path, problems, warnings = validate_file(write(tmp_path, ANCHORS))
    assert (problems, warnings) == ([], [])
    assert resolve_connection("@mysql.three", file=path)["host"] == "db.example.com"


def test_of_two_anchors_the_one_that_is_not_used_is_a_remark(tmp_path: Path) -> None:
    text = ANCHORS.replace("host: *host, user: *user, d", "host: *host, user: &secret pw, d")
    _, problems, _ = validate_file(write(tmp_path, text))
    [problem] = problems
    assert problem.line == 10
    assert "begins with &" in problem.message
