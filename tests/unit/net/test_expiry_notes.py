"""What a check sees of things that come to their end is noted while it is under way, and nowhere else."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from osiris_provider.net import expiry
from osiris_provider.net.deadline import Deadline
from osiris_provider.net.expiry import (
    MAX_CERTIFICATE,
    Expiry,
    Noted,
    aside,
    note,
    note_all,
    note_certificate,
    note_certificate_file,
    noting,
)

AT = datetime(2027, 1, 2, 3, 4, tzinfo=timezone.utc)


def test_what_ends_is_noted_in_utc_the_soonest_first_and_once() -> None:
    note("before", AT)
    with noting() as noted:
        note("password", AT.astimezone(timezone(timedelta(hours=5))), "db:1")
        note("token", AT - timedelta(days=1))
        note("token", AT - timedelta(days=1))
        with noting() as inner:
            note("inner", AT)
    note("after", AT)
    assert noted.expiries() == [Expiry("token", "", AT - timedelta(days=1)), Expiry("password", "db:1", AT)]
    assert [one.at.tzinfo for one in noted.expiries()] == [timezone.utc] * 2
    assert inner.expiries() == [Expiry("inner", "", AT)]


def test_what_a_part_of_a_check_has_seen_is_noted_with_it() -> None:
    seen = Noted([("TLS certificate", "db:1", b"x")], aside_seconds=2.5)
    note_all(seen)
    with noting() as noted:
        with noting(seen) as inner:
            note("token", AT)
        note_all(seen)
    assert inner is seen
    assert noted == Noted([("TLS certificate", "db:1", b"x")], [Expiry("token", "", AT)], 2.5)


@pytest.mark.parametrize(
    ("certificate", "kept"), [(None, 0), (b"", 0), (b"x" * MAX_CERTIFICATE, 1), (b"x" * (MAX_CERTIFICATE + 1), 0)]
)
def test_a_certificate_is_kept_unless_it_is_too_large_for_one(certificate: bytes | None, kept: int) -> None:
    note_certificate("TLS certificate", b"x")
    with noting() as noted:
        note_certificate("TLS certificate", certificate, "db:1")
    assert noted.certificates == [("TLS certificate", "db:1", certificate)] * kept
    # None of these can be read, which is no one's fault.
    assert noted.expiries() == []


def test_a_certificate_of_a_file_is_noted_and_one_that_is_not_there_is_left_out(tmp_path: Path) -> None:
    file = tmp_path / "client.pem"
    file.write_bytes(b"pem")
    with noting() as noted:
        for path in (None, "", str(tmp_path / "nowhere"), str(tmp_path), str(file)):
            note_certificate_file("client certificate", path)
    assert noted.certificates == [("client certificate", "", b"pem")]


def test_a_certificate_without_an_end_is_left_out() -> None:
    begin = b"-----BEGIN CERTIFICATE-----\nMAA=\n"
    noted = Noted([("a", "", begin), ("b", "", b"\xff" + begin + b"-----END CERTIFICATE-----")])
    assert noted.expiries() == []


@pytest.mark.parametrize(("seconds", "share"), [(100, expiry.ASIDE_SECONDS), (1, 0.5), (0.0005, 0.0005)])
def test_a_question_aside_has_half_of_the_time_at_most_and_breaks_nothing(seconds: float, share: float) -> None:
    deadline = Deadline(seconds)
    given: list[float] = []
    with noting() as noted, aside(deadline) as asking:
        given.append(asking.seconds)
        raise ConnectionError
    assert given == [pytest.approx(share, rel=0.05)]
    assert 0 < noted.aside_seconds < 5
    # Without a check under way too.
    with aside(deadline):
        raise ConnectionError
