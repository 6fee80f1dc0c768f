"""Rows of the binary protocol, encoded here, cut and decoded by the driver: any values, any cuts in the stream."""

from __future__ import annotations

import datetime
import math
import struct
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from osiris_provider.connectors.sql.dbapi import DiagnosedError
from osiris_provider.drivers.data import ColumnNeedsTextError
from osiris_provider.drivers.mysql.protocol import arrow_types as types
from osiris_provider.drivers.mysql.protocol.columns import Column
from osiris_provider.drivers.mysql.protocol.decode import decode
from osiris_provider.drivers.mysql.protocol.packet_index import packet_starts
from osiris_provider.drivers.mysql.protocol.packets import MalformedError, RowPackets
from osiris_provider.errors import DataError

from tests.examples import examples

EOF = b"\xfe\0\0\2\0"
Encoder = Callable[[Any], bytes]


def lenenc(data: bytes) -> bytes:
    size = len(data)
    if size < 251:
        return bytes([size]) + data
    if size < 1 << 16:
        return b"\xfc" + struct.pack("<H", size) + data
    if size < 1 << 24:
        return b"\xfd" + struct.pack("<I", size)[:3] + data
    return b"\xfe" + struct.pack("<Q", size) + data


def date(value: datetime.date) -> bytes:
    return b"\4" + struct.pack("<HBB", value.year, value.month, value.day)


def moment(value: datetime.datetime) -> bytes:
    day = struct.pack("<HBB", value.year, value.month, value.day)
    time = struct.pack("<BBB", value.hour, value.minute, value.second)
    if value.microsecond:
        return b"\x0b" + day + time + struct.pack("<I", value.microsecond)
    return b"\7" + day + time if time != b"\0\0\0" else b"\4" + day


def interval(value: datetime.timedelta) -> bytes:
    size = abs(value)
    if not size:
        return b"\0"
    hours, rest = divmod(size.seconds, 3600)
    body = struct.pack("<BIBBB", value != size, size.days, hours, *divmod(rest, 60))
    return b"\x0c" + body + struct.pack("<I", size.microseconds) if size.microseconds else b"\x08" + body


def packed(form: str) -> Encoder:
    return struct.Struct(form).pack


TIME_MAX = datetime.timedelta(hours=838, minutes=59, seconds=59, microseconds=999999)
DECIMAL = pa.decimal128(20, 4)
TEXT = st.text(st.characters(codec="utf-8"), max_size=12) | st.integers(240, 300).map(lambda size: "é" * size)
KINDS: list[tuple[int, pa.DataType, Encoder, st.SearchStrategy[Any]]] = [
    (types.TINY, pa.int8(), packed("<b"), st.integers(-128, 127)),
    (types.SHORT, pa.uint16(), packed("<H"), st.integers(0, 2**16 - 1)),
    (types.INT24, pa.int32(), packed("<i"), st.integers(-(2**23), 2**23 - 1)),
    (types.LONG, pa.uint32(), packed("<I"), st.integers(0, 2**32 - 1)),
    (types.LONGLONG, pa.int64(), packed("<q"), st.integers(-(2**63), 2**63 - 1)),
    (types.FLOAT, pa.float32(), packed("<f"), st.floats(width=32, allow_nan=False)),
    (types.DOUBLE, pa.float64(), packed("<d"), st.floats(allow_nan=False)),
    (types.YEAR, pa.int16(), packed("<h"), st.integers(0, 2155)),
    (
        types.NEWDECIMAL,
        DECIMAL,
        lambda v: lenenc(f"{v:f}".encode()),
        st.integers(-(10**20) + 1, 10**20 - 1).map(lambda n: Decimal(n).scaleb(-4)),
    ),
    (types.BIT, pa.uint64(), lambda v: lenenc(v.to_bytes(8, "big")), st.integers(0, 2**64 - 1)),
    (types.BIT, pa.uint64(), lambda v: lenenc(v.to_bytes(3, "big")), st.integers(0, 2**24 - 1)),
    (types.DATE, pa.date32(), date, st.dates()),
    (
        types.DATETIME,
        pa.timestamp("us"),
        moment,
        st.datetimes() | st.dates().map(lambda day: datetime.datetime.combine(day, datetime.time())),
    ),
    (types.TIME, pa.duration("us"), interval, st.timedeltas(-TIME_MAX, TIME_MAX)),
    (253, pa.string(), lambda v: lenenc(v.encode()), TEXT),
    (252, pa.binary(), lenenc, st.binary(max_size=12) | st.integers(240, 300).map(bytes)),
    (types.NULL, pa.null(), packed(""), st.none()),
]


def row_of(encoders: Sequence[Encoder], values: Sequence[Any]) -> bytes:
    bitmap = bytearray((len(values) + 9) // 8)
    body = b""
    for index, (encode, value) in enumerate(zip(encoders, values, strict=True), start=2):
        if value is None:
            bitmap[index // 8] |= 1 << index % 8
        else:
            body += encode(value)
    return b"\0" + bytes(bitmap) + body


def stream_of(payloads: Sequence[bytes], first: int = 0) -> bytes:
    return b"".join(struct.pack("<I", len(p) | (first + n) % 256 << 24) + p for n, p in enumerate([*payloads, EOF]))


def feeder(stream: bytes, sizes: Sequence[int]) -> Callable[[memoryview], int]:
    """Return what hands a stream out in pieces of these sizes, over and over, and must not be asked at its end."""
    position, turn = 0, 0

    def read_into(view: memoryview) -> int:
        nonlocal position, turn
        size = min(len(view), sizes[turn % len(sizes)], len(stream) - position)
        assert size, "asked for more than there is"
        view[:size] = stream[position : position + size]
        position, turn = position + size, turn + 1
        return size

    return read_into


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[Any], list[list[Any]]]:
    kinds = draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=20))
    rows = draw(st.lists(st.tuples(*(st.none() | kind[3] for kind in kinds)), max_size=40))
    return kinds, [list(row) for row in rows]


@given(
    table=tables(),
    cuts=st.lists(st.integers(1, 400), min_size=1, max_size=5),
    max_rows=st.integers(1, 20),
    max_bytes=st.integers(8, 600),
    first=st.integers(0, 255),
)
def test_what_is_encoded_is_decoded(
    table: tuple[list[Any], list[list[Any]]], cuts: list[int], max_rows: int, max_bytes: int, first: int
) -> None:
    kinds, written = table
    columns = [Column(f"c{n}", kind[0], kind[1]) for n, kind in enumerate(kinds)]
    schema = pa.schema([(column.name, column.type) for column in columns])
    stream = stream_of([row_of([kind[2] for kind in kinds], row) for row in written], first)
    packets = RowPackets(feeder(stream, cuts), max_rows, max_bytes)

    batches = [decode(rows, columns, schema, 1) for rows in packets]

    for batch in batches:
        batch.validate(full=True)
        assert 0 < len(batch) <= max_rows
    assert [list(row.values()) for batch in batches for row in batch.to_pylist()] == written
    assert packets.last == EOF


@given(st.integers(1, 12))
def test_blocks_are_as_long_as_they_may_be(max_rows: int) -> None:
    packets = RowPackets(feeder(stream_of([b"\0\0\1"] * 100), [64]), max_rows, 1 << 16)

    lengths = [len(rows) for rows in packets]

    assert sum(lengths) == 100
    assert set(lengths[:-1]) <= {max_rows}


@pytest.mark.parametrize("rows", [1, 10, 30])
def test_blocks_are_as_large_as_they_may_be(rows: int) -> None:
    stream = stream_of([b"\0\0\1"] * 60)
    packets = RowPackets(feeder(stream, [len(stream)]), 1000, rows * 7)

    assert [len(block) for block in packets] == [rows] * (60 // rows)


@given(noise=st.binary(max_size=300), kinds=st.lists(st.sampled_from(KINDS), min_size=1, max_size=6))
@example(noise=b"\x02\0\0\0\0\0", kinds=KINDS[:1])
@example(noise=b"\x0c\0\0\0\0\0\xfe" + b"\xff" * 9, kinds=KINDS[14:15])
def test_noise_is_an_error_and_nothing_worse(noise: bytes, kinds: list[Any]) -> None:
    columns = [Column(f"c{n}", kind[0], kind[1]) for n, kind in enumerate(kinds)]
    schema = pa.schema([(column.name, column.type) for column in columns])

    def read_into(view: memoryview, waiting: list[bytes] = [noise]) -> int:  # noqa: B006 - handed out once
        piece = waiting.pop() if waiting else b""
        view[: len(piece)] = piece
        return len(piece)

    try:
        for rows in RowPackets(read_into, 100, 1 << 12):
            decode(rows, columns, schema, 1).validate(full=True)
    except (DiagnosedError, DataError, EOFError):
        pass


@pytest.mark.parametrize(
    "payload",
    [b"\0\0", b"\0\0\1\0\0", b"\0\0\1", b"\1\0\1\0\0\0"],
    ids=["without its value", "too long", "too short", "not a row"],
)
def test_a_row_of_the_wrong_length_is_refused(payload: bytes) -> None:
    column = Column("a", types.LONG, pa.int32())
    packets = RowPackets(feeder(stream_of([payload]), [1000]), 10, 1000)

    with pytest.raises(MalformedError):
        decode(next(iter(packets)), [column], pa.schema([("a", column.type)]), 1)


def test_a_row_that_ends_long_before_its_columns_is_refused() -> None:
    columns = [Column(f"c{n}", types.DOUBLE, pa.float64()) for n in range(200)]
    packets = RowPackets(feeder(stream_of([bytes(1 + 26 + 8)]), [1000]), 10, 1000)

    with pytest.raises(MalformedError):
        decode(next(iter(packets)), columns, pa.schema([(column.name, column.type) for column in columns]), 1)


def test_a_packet_that_is_missing_is_noticed() -> None:
    packets = [stream_of([b"\0\0\1"], number)[:7] for number in (3, 4, 6)]

    with pytest.raises(MalformedError):
        list(RowPackets(feeder(b"".join(packets) + stream_of([], 7), [1000]), 10, 1000))


ZEROS = st.binary(max_size=40) | st.integers(0, 120).map(bytes)
DECOY = stream_of([b"\0\0\0"] * 9, 250)


@given(
    some=st.lists(ZEROS, min_size=1, max_size=30),
    rare=st.sampled_from([b"", DECOY, DECOY[1:] + DECOY, bytes(300), b"\1\0\0\0" * 70, bytes(70_000)]),
    first=st.integers(0, 255),
    cuts=st.lists(st.integers(5_000, 90_000), min_size=1, max_size=3),
)
@examples(40)
def test_many_packets_are_found_where_they_are(some: list[bytes], rare: bytes, first: int, cuts: list[int]) -> None:
    """Rows are looked for in many places at once; what only looks like one, inside of another, is not taken for one."""
    written = [b"\0" + (rare if n % 701 == 0 else some[n * n % len(some)]) for n in range(3000)]
    stream = stream_of(written, first)
    read_into, left = feeder(stream, cuts), [len(stream)]

    def counted(view: memoryview) -> int:
        left.append(left.pop() - (size := read_into(view)))
        return size

    packets = RowPackets(counted, 1 << 16, 1 << 18, lambda: left[0] > 0)

    actual = [
        bytes(rows.data[start:end]) for rows in packets for start, end in zip(rows.starts, rows.ends, strict=True)
    ]

    assert actual == written


def test_most_packets_are_found_from_many_places() -> None:
    payloads = [b"\0\0" + bytes(n % 90) + b"text %d" % n for n in range(20_000)]
    stream = stream_of(payloads)
    data = np.frombuffer(stream + bytes(32), dtype=np.uint8)

    starts = packet_starts(data, 0, len(stream), len(stream) // len(payloads))

    assert len(starts) > 0.8 * len(payloads)
    assert starts.tolist() == np.cumsum([0, *(4 + len(payload) for payload in payloads)])[: len(starts)].tolist()


@pytest.mark.parametrize("inside", [b"", b"\1\0\0\0\0\1\0\0\1\0\1\0\0\2\0"], ids=["nothing", "like rows"])
def test_of_a_packet_that_is_longer_than_most_only_the_begin_is_one(inside: bytes) -> None:
    size = 100_000
    places = math.isqrt(size // 10)
    payload = (b"\xff" * (size // places - 4) + inside).ljust(size - 4, b"\xff")
    data = np.frombuffer(stream_of([payload]) + bytes(32), dtype=np.uint8)
    assert packet_starts(data, 0, size, 10).tolist() == [0]


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        (Column("a", 253, pa.string()), b"\xed\xa0\x80", "Column a, row 9: the text is not valid utf8"),
        (Column("b", 253, pa.string(), encoding="cp1252"), b"\x81", "Column b, row 9: the text is not valid cp1252"),
        (Column("c", types.NEWDECIMAL, pa.decimal128(3, 1)), b"100.0", r"Column c holds 100\.0 in row 9 of the result"),
        (Column("d", types.NEWDECIMAL, pa.decimal128(3, 1)), b"1.05", r"Column d holds 1\.05 in row 9 of the result"),
    ],
)
def test_a_value_that_does_not_fit_is_named(column: Column, value: bytes, words: str) -> None:
    payloads = [row_of([lenenc], [item]) for item in (b"1.0", None, b"2.5", b"", value, b"3.0") if item != b""]
    packets = RowPackets(feeder(stream_of(payloads), [1000]), 10, 1000)

    with pytest.raises(DataError, match=words) as raised:
        decode(next(iter(packets)), [column], pa.schema([(column.name, column.type)]), 6)
    assert (raised.value.column, raised.value.row) == (column.name, 9)


@pytest.mark.parametrize(
    ("parts", "shown"),
    [
        ((0, 0, 0), "0000-00-00"),
        ((2024, 0, 1), "2024-00-01"),
        ((2024, 13, 1), "2024-13-01"),
        ((2024, 1, 0), "2024-01-00"),
        ((2024, 2, 30), "2024-02-30"),
        ((2023, 2, 29), "2023-02-29"),
        ((9999, 12, 32), "9999-12-32"),
        ((10_000, 1, 1), "0000-01-01"),
    ],
)
def test_a_day_that_no_calendar_has_is_text_or_null_or_an_error(parts: tuple[int, int, int], shown: str) -> None:
    def read(column: Column) -> list[Any]:
        days = [(2024, 2, 29), parts, None, (2023, 12, 31)]
        payloads = [b"\0\4" if day is None else b"\0\0\4" + struct.pack("<HBB", *day) for day in days]
        packets = RowPackets(feeder(stream_of(payloads), [1000]), 10, 1000)
        values: list[Any] = decode(next(iter(packets)), [column], pa.schema([column.field]), 5).column(0).to_pylist()
        return values

    first, last = datetime.date(2024, 2, 29), datetime.date(2023, 12, 31)
    assert read(Column("d", types.DATE, pa.date32(), lenient=True)) == [first, None, None, last]
    assert read(Column("d", types.DATE, pa.date32(), as_text=True)) == [str(first), shown, None, str(last)]
    with pytest.raises(ColumnNeedsTextError, match=f"Column d holds {shown} in row 6 of the result") as raised:
        read(Column("d", types.DATE, pa.date32()))
    assert (raised.value.columns, raised.value.row) == (["d"], 6)


def test_every_day_from_year_0_to_9999() -> None:
    """The calendar that is used here is the one of numpy and of Arrow."""
    days = np.arange("0000-01-01", "10000-01-01", 7, dtype="M8[D]")
    years, months = days.astype("M8[Y]").astype(int) + 1970, days.astype("M8[M]").astype(int) % 12 + 1
    numbers = (days - days.astype("M8[M]")).astype(int) + 1
    payloads = [b"\0\0\4" + struct.pack("<HBB", *parts) for parts in zip(years, months, numbers, strict=True)]
    column = Column("d", types.DATE, pa.date32())
    packets = RowPackets(feeder(stream_of(payloads), [1 << 20]), 1 << 20, 1 << 24)

    batches = [decode(rows, [column], pa.schema([("d", column.type)]), 1) for rows in packets]

    actual = np.concatenate([batch.column(0).cast(pa.int32()).to_numpy() for batch in batches])
    assert (actual == days.astype(int)).all()
