"""What the server says at a commit becomes an error of a row only if it is about one."""

from __future__ import annotations

import psycopg2
import pytest
from osiris_provider.drivers.postgres.refusals import refusing


def test_what_is_about_no_row_stays_what_it_is() -> None:
    gone = psycopg2.OperationalError("the line is gone")
    with pytest.raises(psycopg2.OperationalError) as raised, refusing("t"):
        raise gone
    assert raised.value is gone
