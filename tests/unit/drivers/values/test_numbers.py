"""Each type of numbers into each kind of column, at the edges of both: what fits goes in, and nothing else does."""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import Context, Decimal
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from osiris_provider.drivers.sql.values.constraints import ColumnConstraints, Moments, integer_constraints
from osiris_provider.drivers.sql.values.floats import is_another_float

from tests.examples import examples
from tests.unit.drivers.values import refusal

INTEGERS = [integer_constraints(bits, signed=signed) for bits in (8, 16, 32, 64, 128) for signed in (True, False)]
EXACT = [
    ColumnConstraints(digits=digits - scale, number=True, scale=scale)
    for digits, scale in ((1, 0), (5, 2), (3, 3), (19, 0), (38, 10))
]
# NUMERIC(2,-3) and NUMERIC(3,5) of PostgreSQL, whose range it judges.
EXACT += [ColumnConstraints(number=True, scale=scale) for scale in (-3, -1, 0, 5)]
BINARY = [ColumnConstraints(number=True, mantissa=mantissa) for mantissa in (24, 53)]
EDGES = sorted(
    {
        Fraction(sign * size)
        for sign in (1, -1)
        for size in [
            *(2**bits + more for bits in (0, 7, 8, 15, 16, 24, 31, 32, 53, 63, 64, 127, 128) for more in (-1, 0, 1)),
            *(10**digits + more for digits in (1, 2, 3, 4, 19, 28, 29, 75) for more in (-1, 0)),
            *map(
                Fraction, ("0.5", "0.25", "0.001", "0.0001", "99.9", "999.99", "999.999", "0.99999", "1.1", "12000.5")
            ),
            *map(
                Fraction, ("1e-20", "1e100", "12345678901234567.89", "12345678901234567890123456789.01", "1000.000010")
            ),
            *(Fraction(2) ** power for power in (-10, -30, 100)),
        ]
    }
)
CONTEXT = Context(prec=500)


def written(value: Fraction) -> Decimal:
    """Return a number with all its digits, none of which is a zero at the end."""
    return CONTEXT.normalize(CONTEXT.divide(Decimal(value.numerator), Decimal(value.denominator)))


def ending(value: Fraction) -> int:
    """Return how many digits a number has behind the point; less than none for multiples of ten."""
    exponent = written(value).as_tuple().exponent
    assert isinstance(exponent, int)
    return exponent * -1 if value else -99


def as_integers(value: Fraction) -> Iterator[pa.Array]:
    for bits in (8, 16, 32, 64):
        if value.denominator == 1 and -(2 ** (bits - 1)) <= value < 2 ** (bits - 1):
            yield pa.array([int(value)], f"int{bits}")
        if value.denominator == 1 and 0 <= value < 2**bits:
            yield pa.array([int(value)], f"uint{bits}")


def as_decimals(value: Fraction) -> Iterator[pa.Array]:
    number, digits = written(value), max(0, ending(value))
    precision = max(1, digits, len(str(abs(value.numerator // value.denominator))) + digits)
    if precision <= 38:
        yield pa.array([number], pa.decimal128(precision, digits))
        yield pa.array([number], pa.decimal128(38, digits + (38 - precision) // 2))
    if precision <= 76:
        yield pa.array([number], pa.decimal256(76, digits + (76 - precision) // 2))


def as_floats(value: Fraction) -> Iterator[pa.Array]:
    for dtype, near in ((pa.float64(), float(value)), (pa.float32(), float(single(value)))):
        if not math.isinf(near) and Fraction(near) == value:
            yield pa.array([near], dtype)


def as_texts(value: Fraction) -> Iterator[pa.Array]:
    number = written(value)
    sign = "+" if value > 0 else ""
    yield pa.array([f"{number:f}"])
    yield pa.array([f" {sign}{number:f} "], pa.large_string())
    yield pa.array([f"{number:E}"])
    yield pa.array([f"{CONTEXT.scaleb(number, 7):f}e-7"], pa.large_string())


def single(value: Fraction | Decimal | float) -> float:
    with np.errstate(over="ignore"):
        return float(np.float32(float(value)))


def is_integral(value: Fraction, limits: ColumnConstraints) -> bool:
    assert limits.low is not None
    assert limits.high is not None
    return value.denominator == 1 and limits.low <= value <= limits.high


def in_range(value: Fraction, limits: ColumnConstraints) -> bool:
    return limits.digits is None or abs(math.trunc(value)) < 10**limits.digits


def is_binary(column: pa.Array, mantissa: int | None) -> bool:
    """Return whether a double or single is a number, to the digits that it is written with."""
    value = column[0].as_py()
    if isinstance(value, float):
        return mantissa == 53 or pa.types.is_float32(column.type) or single(value) == value
    number = Decimal(value)
    if isinstance(value, Decimal):
        # Zeros at the end are the type's.
        number = CONTEXT.quantize(number, Decimal(1).scaleb(-max(0, ending(Fraction(number)))))
    near = single(number) if mantissa == 24 else float(number)
    return not math.isinf(near) and CONTEXT.quantize(Decimal(near), number) == number


@pytest.mark.parametrize("limits", INTEGERS, ids=lambda limits: f"{limits.low} to {limits.high}")
def test_whole_numbers(limits: ColumnConstraints) -> None:
    for value in EDGES:
        for column in (*as_integers(value), *as_decimals(value), *as_floats(value)):
            assert (not refusal(column, limits)) == is_integral(value, limits), column
        # How great a text is the server sees.
        for column in as_texts(value):
            is_plain = column[0].as_py().strip().lstrip("+-").isdecimal()
            is_negative = value < 0 and limits.low == 0
            assert (not refusal(column, limits)) == (is_plain and not is_negative), column


@pytest.mark.parametrize("limits", EXACT, ids=lambda limits: f"{limits.digits} digits, scale {limits.scale}")
def test_exact_numbers(limits: ColumnConstraints) -> None:
    assert limits.scale is not None
    for value in EDGES:
        keeps = ending(value) <= limits.scale
        for column in (*as_integers(value), *as_decimals(value)):
            assert (not refusal(column, limits)) == (keeps and in_range(value, limits)), column
        for column in as_texts(value):
            assert (not refusal(column, limits)) == keeps, column
        for column in as_floats(value):
            # What a float is written as, not all the digits that its binary digits make.
            shortest = Fraction(str(column.cast(pa.string())[0].as_py()))
            assert (not refusal(column, limits)) == (ending(shortest) <= limits.scale), column


@pytest.mark.parametrize("limits", BINARY, ids=lambda limits: f"{limits.mantissa} binary digits")
def test_floating_point_numbers(limits: ColumnConstraints) -> None:
    for value in EDGES:
        for column in (*as_integers(value), *as_decimals(value), *as_floats(value), *as_texts(value)):
            assert (not refusal(column, limits)) == is_binary(column, limits.mantissa), column


def test_rounding_that_was_asked_for_bends_no_greater_number() -> None:
    for value in EDGES:
        for limits in INTEGERS:
            fits = is_integral(Fraction(math.trunc(value)), limits)
            for column in (*as_integers(value), *as_decimals(value)):
                assert (not refusal(column, limits, lossy="round")) == fits, column
        for limits in EXACT:
            for column in (*as_integers(value), *as_decimals(value)):
                assert (not refusal(column, limits, lossy="round")) == in_range(value, limits), column
        for column in (*as_integers(value), *as_decimals(value), *as_floats(value), *as_texts(value)):
            assert not [limits for limits in BINARY if refusal(column, limits, lossy="round")]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_finite_number_is_no_whole_one(value: float) -> None:
    for dtype in (pa.float32(), pa.float64()):
        column = pa.array([value], dtype)
        assert all(refusal(column, limits) for limits in INTEGERS)
        # The server says whether it has them.
        assert not [limits for limits in (*EXACT, *BINARY) if refusal(column, limits)]
    text = pa.array([str(value)])
    assert all(refusal(text, limits) for limits in INTEGERS)
    assert not [limits for limits in (*EXACT, *BINARY) if refusal(text, limits)]


@pytest.mark.parametrize("text", ["", "-", ".", "1.5.", "1,5", "0x10", "1e", "one", "1 2", "1_000", "+-1", "e5"])
def test_what_is_no_number_is_refused_by_all(text: str) -> None:
    for limits in (*INTEGERS, *EXACT, *BINARY):
        assert "this text is not" in refusal(pa.array([text]), limits)


@pytest.mark.parametrize(
    ("text", "exact", "binary"),
    [
        ("1e-99999999999999999999", False, False),
        ("-12.5E-99999999999999999999", False, False),
        ("1e99999999999999999999", True, False),
        ("0e-99999999999999999999", True, True),
        ("0.000e99999999999999999999", True, True),
        ("1e-400", False, False),
        ("1e" + "9" * 5000, True, False),
        ("1e-" + "9" * 5000, False, False),
        ("0." + "0" * 5000, True, True),
        ("1" + "0" * 400, True, False),
    ],
)
def test_numbers_of_any_length_have_a_verdict(text: str, exact: bool, binary: bool) -> None:
    column = pa.array([text])
    for limits in EXACT:
        assert (not refusal(column, limits)) == exact, limits
    for limits in BINARY:
        assert (not refusal(column, limits)) == binary, limits


@pytest.mark.parametrize("dtype", [pa.int8(), pa.uint8(), pa.int16(), pa.int64(), pa.uint64()])
def test_a_year_is_one_of_its_four_digits(dtype: pa.DataType) -> None:
    limits = ColumnConstraints(low=1901, high=2155, number=True, moments=Moments("year"))
    assert "too small" in refusal(pa.array([24], dtype), limits)
    if dtype.bit_width > 8:
        assert [not refusal(pa.array([year], dtype), limits) for year in (1900, 1901, 2155, 2156)] == [0, 1, 1, 0]


def test_truth_values_are_no_numbers_to_be_rounded() -> None:
    # The server says whether it takes them.
    assert not [limits for limits in (*INTEGERS, *EXACT, *BINARY) if refusal(pa.array([True]), limits)]


@examples(200)
@given(st.decimals(allow_nan=False, allow_infinity=False), st.integers(-40, 40))
def test_digits_are_counted_whatever_the_spelling(value: Decimal, scale: int) -> None:
    if abs(value.adjusted()) < 400:
        fits = ending(Fraction(value)) <= scale
        limits = ColumnConstraints(number=True, scale=scale)
        assert [not refusal(pa.array([text]), limits) for text in (f"{value:f}", f"{value:e}")] == [fits, fits]


@examples(200)
@example(2.0**-24, False)  # whose 17th digit is a 5, the last that it has
@given(st.floats(allow_nan=False, allow_infinity=False), st.booleans())
def test_a_float_as_it_is_written_is_that_float(value: float, narrow: bool) -> None:
    assert not is_another_float(repr(value))
    if narrow and not math.isinf(near := single(Decimal(value))):
        assert not is_another_float(np.format_float_scientific(np.float32(near), trim="-"), narrow=True)


@examples(200)
@given(st.integers(1, 38).flatmap(lambda scale: st.decimals(-(10**12), 10**12, places=scale)))
def test_a_decimal_in_a_double_comes_back(value: Decimal) -> None:
    column = pa.array([value])
    if not refusal(column, ColumnConstraints(number=True, mantissa=53)):
        # Arrow's own way is not exact.
        (back,) = column.cast(pa.string()).cast(pa.float64()).to_pylist()
        assert Decimal(repr(back)) == value


MEMBERS = frozenset({"a", "b", "", "1"})


@pytest.mark.parametrize(
    ("text", "several", "is_member"),
    [
        ("a", False, True),
        ("", False, True),
        ("A", False, False),
        ("a,b", False, False),
        ("a,b", True, True),
        ("b,a,1", True, True),
        ("a,c", True, False),
        ("a,", True, True),
        ("a b", True, False),
    ],
)
def test_only_the_text_of_a_member_is_one(text: str, several: bool, is_member: bool) -> None:
    limits = ColumnConstraints(members=MEMBERS, several=several)
    assert refusal(pa.array([text]), limits) == ("" if is_member else "the column's type has no such member.")
    # Which servers would take for the number of a member.
    assert refusal(pa.array([1]), limits) == "only a text can name a member of the column's type."
    assert not refusal(pa.nulls(1, pa.int64()), limits)


def test_a_set_may_be_of_none() -> None:
    for several in (False, True):
        limits = ColumnConstraints(members=frozenset({"a"}), several=several)
        assert (not refusal(pa.array([""]), limits)) == several
