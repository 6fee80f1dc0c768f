"""Results of a hostile MySQL server: what it says of them, and what it sends, ends and is bounded."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pyarrow as pa
import pytest
from osiris_provider.connectors import get_connector
from osiris_provider.connectors.mysql import login
from osiris_provider.drivers.mysql.protocol import packets
from osiris_provider.drivers.mysql.protocol.adapter import MAX_COLUMNS, NotPreparableError, stream_query
from osiris_provider.errors import ConnectorError, DataError, DriverConfigError, OsirisError
from pymysql.constants import SERVER_STATUS

from tests.security.mysql.rogue import RogueMySQL, Script

MYSQL: Any = get_connector("mysql")
PREPARE, EXECUTE, QUERY = 0x16, 0x17, 0x03
EOF = b"\xfe\0\0\2\0"
ROW = b"\0\0\1x"
MIB = 1 << 20
SOME_MIB = 64 * MIB
Packets = Callable[[], Iterator[bytes]]


def definition(code: int = 253, scale: int = 0, length: int = 255) -> bytes:
    """Return a column definition of the protocol."""
    return b"\3def\0\0\0\1c\0\x0c" + struct.pack("<HIBHB2x", 45, length, code, 0, scale)


class RogueRows(RogueMySQL):
    """Prepares everything, and answers the execution with what it is given.

    :param answer: packets of the result, perhaps without end.
    :param refusal: what it says instead of preparing anything.
    """

    def __init__(self, answer: Packets, refusal: bytes | None = None) -> None:
        super().__init__(Script("mysql_native_password", welcome=True))
        self._rows, self._refusal = answer, refusal
        self.sent = 0

    def _answer(self, line: Any, asked: bytes) -> None:
        if asked[0] == PREPARE and self._refusal is not None:
            line.say(self._refusal)
        elif asked[0] == PREPARE:
            line.say(b"\0" + struct.pack("<IHHxH", 1, 1, 0, 0))
            line.say(definition())
            line.say(EOF)
        elif asked[0] == EXECUTE or (asked[0] == QUERY and b"SELECT 1" in asked):
            for packet in self._rows():
                line.say(packet)
                self.sent += len(packet)
        elif asked[0] == QUERY:
            super()._answer(line, asked)


def read(answer: Packets) -> tuple[pa.Table, RogueRows]:
    return read_from(RogueRows(answer))


def read_from(server: RogueRows) -> tuple[pa.Table, RogueRows]:
    with server as rogue:
        connection = {"family": "mysql", "alias": "x", "host": "127.0.0.1", "port": rogue.port, "user": "u"}
        client = MYSQL.create_client(connection)
        try:
            return MYSQL.translate_errors(connection, lambda: stream_query(client, "SELECT 1").read_all()), rogue
        finally:
            with suppress(Exception):
                client.close()


def result(*rows: bytes, of: bytes = b"") -> Packets:
    return lambda: iter([b"\1", of or definition(), EOF, *rows, EOF])


def endless_definitions() -> Iterator[bytes]:
    """Yield a result of more columns than there are in any."""
    yield b"\xfe" + struct.pack("<Q", 1 << 60)
    yield from itertools.repeat(definition())


def endless_row() -> Iterator[bytes]:
    """Yield a row that goes on in each next packet."""
    yield from (b"\1", definition(), EOF)
    yield from itertools.repeat(b"\0" * packets.MAX_PAYLOAD)


def endless_definition() -> Iterator[bytes]:
    """Yield a definition that goes on in each next packet."""
    yield b"\1"
    yield from itertools.repeat(b"\3" * packets.MAX_PAYLOAD)


def test_an_honest_result_is_read() -> None:
    assert read(result(ROW))[0].to_pydict() == {"c": ["x"]}


@pytest.mark.parametrize("answer", [endless_definitions, endless_row, endless_definition])
def test_what_has_no_end_is_not_gathered(answer: Packets, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packets, "MAX_ROW", SOME_MIB, raising=False)
    monkeypatch.setattr(login, "MAX_ANSWER", SOME_MIB, raising=False)

    def bounded() -> Iterator[bytes]:
        sent = 0
        for packet in answer():
            if sent > 4 * SOME_MIB:
                # A reader that has not stopped by then does not; with this it sees a broken line.
                raise ConnectionResetError
            sent += len(packet)
            yield packet

    with pytest.raises(ConnectorError) as raised:
        read(bounded)
    assert raised.value.fault.slug == "garbage"


@pytest.mark.parametrize(
    "answer",
    [
        result(b"\0\0\xfe" + struct.pack("<Q", 1 << 40)),
        result(b"\0\0\xfd\xff\xff\xff"),
        result(b"\0\0\5x"),
        result(b"\0\0\1x\1y"),
        result(b"\0"),
        result(b"\7\0\1x"),
        result(b"\0\0\7\xff\xff\x0d\x20\x19\x3d\x3d", of=definition(12)),
        result(b"\0\0\3\1\2\3", of=definition(10)),
        result(b"\0\0\x0c\1\xff\xff\xff\xff\x19\x3d\x3d\xff\xff\xff\xff", of=definition(11)),
        result(b"\0\0\4" + b"1e99", of=definition(246, 2, 10)),
        result(b"\0\0\x0c" + b"1e-999999999", of=definition(246, 2, 10)),
        result(b"\0\0\4" + b"\xff\xfe\xfd\xfc", of=definition(246, 2, 10)),
        *(result(b"\0\0" + bytes([digits]) + b"9" * digits, of=definition(246, 0, 39)) for digits in (39, 45, 200)),
        result(b"\0\0\xc8" + b"9" * 200, of=definition(246, 0, 65)),
        result(b"\0\0\2\xff\xfe"),
        result(b"\0\0\3abc", of=definition(242)),
        result(b"\0\0\1x", of=definition(246, 200, 2)),
        result(b"\0\0\1x", of=b"\3def"),
        lambda: iter([b""]),
        lambda: iter([b"\xfb"]),
        # A value that is less than nothing, so that the next one begins within its length and ends with the row.
        lambda: iter([b"\2", definition(), definition(), EOF, b"\0\0\xfe" + struct.pack("<q", -2) + bytes(254), EOF]),
        lambda: iter([b"\1", definition(), ROW, EOF]),
        lambda: iter([b"\1", definition(), EOF, ROW, EOF + b"\0"]),
    ],
)
def test_a_result_that_lies_is_an_error(answer: Packets) -> None:
    with pytest.raises((DataError, ConnectorError)) as raised:
        read(answer)
    assert not isinstance(raised.value, ConnectorError) or raised.value.fault.slug == "garbage"


def test_as_many_columns_as_there_can_be() -> None:
    def columns(count: int) -> Packets:
        return lambda: iter([b"\xfc" + struct.pack("<H", count), *[definition()] * count, EOF, EOF])

    assert len(read(columns(MAX_COLUMNS))[0].schema) == MAX_COLUMNS == 4096
    with pytest.raises(ConnectorError) as raised:
        read(columns(MAX_COLUMNS + 1))
    assert raised.value.fault.slug == "garbage"


def test_a_result_behind_a_result_is_an_error() -> None:
    more = b"\xfe" + struct.pack("<HH", 0, SERVER_STATUS.SERVER_MORE_RESULTS_EXISTS)
    with pytest.raises(DriverConfigError, match="The statement returns more than one result"):
        read(lambda: iter([b"\1", definition(), EOF, ROW, more]))


@pytest.mark.parametrize("answer", [b"", b"\0\1"])
def test_a_statement_that_is_prepared_as_no_server_does_it(answer: bytes) -> None:
    with pytest.raises(ConnectorError) as raised:
        read_from(RogueRows(lambda: iter(()), refusal=answer))
    assert raised.value.fault.slug == "garbage"


@pytest.mark.parametrize(
    ("code", "reads_by_cursor"), [*dict.fromkeys((1047, 1235, 1295, 1312, 1461), True).items(), (1064, False)]
)
def test_a_server_or_a_proxy_that_prepares_no_statement(code: int, reads_by_cursor: bool) -> None:
    refused = RogueRows(lambda: iter(()), refusal=b"\xff" + struct.pack("<H", code) + b"#HY000no")
    with pytest.raises((NotPreparableError, ConnectorError)) as raised:
        read_from(refused)
    assert isinstance(raised.value, NotPreparableError) == reads_by_cursor


def test_a_number_that_is_none_is_not_handed_on_as_text() -> None:
    with RogueRows(result(b"\0\0\4\xff\xfe\xfd\xfc", of=definition(246, 2, 10))) as rogue:
        connection = {"family": "mysql", "alias": "x", "host": "127.0.0.1", "port": rogue.port, "user": "u"}
        client = MYSQL.create_client(connection)
        reader = stream_query(client, "SELECT 1", text_columns=["c"])
        with pytest.raises((OsirisError, packets.MalformedError)):
            reader.read_all().validate(full=True)
