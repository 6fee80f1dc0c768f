"""What a server says of a result that it has sent to its end: values that it has cut, or taken for others."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from osiris_provider.errors import DataError

log = logging.getLogger(__name__)

CUT: Final = {
    1260: "cut a value of GROUP_CONCAT()",
    1301: "returned NULL in the place of a value that is larger than its max_allowed_packet",
}
_NOTE: Final = "Note"


def warnings_of(connection: Any, number: int) -> list[tuple[int, str]]:
    """Return the codes and texts of the warnings that the statement before has left.

    :param connection: an open PyMySQL connection, with nothing left to read.
    :param number: how many the server has announced.
    """
    if not number:
        return []
    with connection.cursor() as cursor:
        cursor.execute("SHOW WARNINGS")
        return [(int(code), str(said)) for level, code, said in cursor.fetchall() if level != _NOTE]


def say_warnings(warnings: Sequence[tuple[int, str]], step_id: str) -> None:
    """Log what a server warned of while it sent a result. Its texts may show values, so it is the codes only.

    :param warnings: see :func:`warnings_of`.
    :raises DataError: values of the result are not whole.
    """
    cut = next((code for code, _ in warnings if code in CUT), None)
    if cut is not None:
        message = (
            f"the server {CUT[cut]} (its warning {cut}), so the result is not whole, and nothing of it "
            "is kept. Raise max_allowed_packet of the server, or make the value smaller, with fewer rows in a group."
        )
        raise DataError.in_step(step_id, message)
    if warnings:
        codes = Counter(code for code, _ in warnings)
        log.warning(
            "Step %s: the server warned of values while it ran the query (times by code: %s). Run it in a client, and "
            "then SHOW WARNINGS.",
            step_id,
            ", ".join(f"{code}: {times}" for code, times in codes.items()),
        )
