"""Whether numbers stay what they are as floating-point numbers."""

from __future__ import annotations

import re
from decimal import MAX_EMAX, MIN_EMIN, ROUND_HALF_DOWN, ROUND_HALF_UP, Context, Decimal, InvalidOperation
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import pyarrow as pa

_SPARE: Final = 76
"""Digits to calculate with, beside those of a number."""
_NOT_ZERO: Final = re.compile(r"[^eE]*[1-9].*[eE]")
"""How a number with an exponent begins that is not zero."""


def is_another_float(text: str, *, narrow: bool = False) -> bool:
    """Return whether a number is another one as a double or float, to as many digits as it is written with."""
    import numpy as np

    try:
        exact = Decimal(text.strip())
    except InvalidOperation:
        # What is a number has an exponent beyond those of decimals.
        return _NOT_ZERO.match(text) is not None
    with np.errstate(over="ignore"):
        near = float(np.float32(float(exact))) if narrow else float(exact)
    if not exact.is_finite() or not isfinite(near):
        # DuckDB takes 1e400 for infinity.
        return exact.is_finite()
    context = Context(prec=len(exact.as_tuple().digits) + _SPARE, Emin=MIN_EMIN, Emax=MAX_EMAX)
    # In the middle between two numbers of so many digits it is both: the programs that write it choose either.
    as_written = (Decimal(near).quantize(exact, way, context) for way in (ROUND_HALF_UP, ROUND_HALF_DOWN))
    return exact not in as_written


def changed_floats(values: Any, *, narrow: bool) -> pa.Array:
    """Return which numbers are not the same when they come back."""
    import numpy as np
    import pyarrow as pa

    with np.errstate(over="ignore", invalid="ignore"):
        near = values.astype(np.float32 if narrow else np.float64).astype(np.float64)
        changed = near.astype(values.dtype) != values
    if values.dtype.kind == "f":
        return pa.array(changed & np.isfinite(values))
    # Beyond the greatest whole number, which may be no double, the way back may end anywhere.
    return pa.array(changed | (near >= float(int(np.iinfo(values.dtype).max) + 1)))
