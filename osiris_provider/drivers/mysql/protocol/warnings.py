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
NOT_KEPT: Final = (0, "")
_NOTE: Final = "Note"


def warnings_of(connection: Any, number: int) -> list[tuple[int, str]]:
    """Return the codes and texts of the warnings that the statement before has left.

    :param connection: an open PyMySQL connection, with nothing left to read.
    :param number: how many the server has announced; each that it does not keep is :data:`NOT_KEPT`.
    """
    if not number:
        return []
    with connection.cursor() as cursor:
        cursor.execute("SHOW WARNINGS")
        kept = cursor.fetchall()
    said = [(int(code), str(text)) for level, code, text in kept if level != _NOTE]
    return said + [NOT_KEPT] * (number - len(kept))


def say_warnings(warnings: Sequence[tuple[int, str]], step_id: str) -> None:
    """Log what a server warned of while it sent a result. Its texts may show values, so it is the codes only.

    :param warnings: see :func:`warnings_of`.
    :raises DataError: values of the result are not whole.
    """
    codes = Counter(code for code, _ in warnings)
    cut = next((code for code in codes if code in CUT), None)
    if cut is not None:
        message = (
            f"the server {CUT[cut]} (its warning {cut}), so the result is not whole, and nothing of it "
            "is kept. Raise max_allowed_packet of the server, or make the value smaller, with fewer rows in a group."
        )
        raise DataError.in_step(step_id, message)
    lost = codes.pop(NOT_KEPT[0], 0)
    if codes:
        log.warning(
            "Step %s: the server warned of values while it ran the query (times by code: %s). Run it in a client, and "
            "then SHOW WARNINGS.",
            step_id,
            ", ".join(f"{code}: {times}" for code, times in codes.items()),
        )
    if lost:
        log.warning(
            "Step %s: the server had more warnings than its max_error_count has it keep, %s of them, so it is not "
            "known whether it cut values, or gave NULL in their place. Have max_error_count raised.",
            step_id,
            f"{lost:,}",
        )
