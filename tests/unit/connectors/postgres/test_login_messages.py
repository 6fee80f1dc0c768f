"""What a server of PostgreSQL says while it lets a client in is read to the byte, however it is cut into pieces."""

from __future__ import annotations

from typing import Any

import pytest
from osiris_provider.connectors.postgres import login_messages
from osiris_provider.connectors.postgres.login_messages import PER_SECOND, LoginMessages
from osiris_provider.connectors.sql.dbapi import DiagnosedError
from osiris_provider.net.deadline import Deadline

from tests.security.postgres.rogue import message


class Still(Deadline):
    """One whose time stands still."""

    def left(self) -> float:
        return self.seconds


def asks(number: int, body: bytes = b"") -> bytes:
    return message(b"R", number.to_bytes(4, "big") + body)


def hashes(number: int, before: bytes = b"r=nonce,s=c2FsdA==,") -> bytes:
    return asks(11, before + b"i=%d" % number)


LIST, CONTINUED, PROOF, ACCEPTED = asks(10, b"SCRAM-SHA-256\0\0"), hashes(4096), asks(12, b"v=proof"), asks(0)
MAX_HASHES, LONGEST = 1_000_000, 2_000
"""Of hashes, as documented; of bytes of a message, as libpq has it."""
MANY = MAX_HASHES + 1
SECONDS = 60.0


def take(*pieces: bytes, seconds: float = SECONDS) -> LoginMessages:
    seen = LoginMessages()
    for piece in pieces:
        seen.take(piece, Still(seconds))
    return seen


@pytest.mark.parametrize(
    ("said", "lacks"),
    [
        (b"", False),
        (b"N", False),
        (message(b"E", b"SFATAL\0C28P01\0\0"), False),
        (ACCEPTED[:8], False),
        (ACCEPTED, True),
        (b"N" + ACCEPTED, True),
        (b"N" + message(b"E", b"x" * 9), False),
        (asks(5, b"salt") + ACCEPTED, True),
        (LIST + ACCEPTED, True),
        (LIST + CONTINUED + ACCEPTED, True),
        (LIST + PROOF + CONTINUED + ACCEPTED, True),
        (LIST + CONTINUED + PROOF + ACCEPTED, False),
        (b"N" + LIST + CONTINUED + PROOF + ACCEPTED + message(b"S", b"a\0b\0"), False),
        (asks(10, b"SCRAM-SHA-256\0") + CONTINUED + PROOF + ACCEPTED, True),
        (asks(10, b"SCRAM-SHA-256\0\0" + CONTINUED + b"\0\0") + CONTINUED + PROOF + ACCEPTED, True),
    ],
)
def test_who_lets_in_without_a_proof_is_known(said: bytes, lacks: bool) -> None:
    assert take(said).lacks_proof is lacks
    assert take(*(bytes([byte]) for byte in said)).lacks_proof is lacks


@pytest.mark.parametrize(
    ("said", "refused"),
    [
        (hashes(MAX_HASHES), False),
        (hashes(MANY), True),
        (hashes(MANY, before=b""), True),
        (hashes(1, before=b"i=%d," % MANY), True),
        (hashes(MANY) + b"0", True),
        (hashes(MANY) + ACCEPTED, True),
        # The next message is none of its digits, and what is no challenge is no matter of hashes.
        (hashes(MAX_HASHES) + b"0" * 9, False),
        (asks(12, b"i=%d" % MANY), False),
        # libpq takes no longer ones.
        (hashes(MANY, before=b"r=".ljust(LONGEST - 18, b"x") + b","), True),
        (hashes(MANY, before=b"r=".ljust(LONGEST - 17, b"x") + b","), False),
    ],
)
def test_a_hash_of_a_million_times_is_the_most(said: bytes, refused: bool) -> None:
    # Wherever it is cut, and whatever has come before.
    for begin in (b"", b"N", LIST, b"x" * 3 * LONGEST):
        for cut in {0, 1, 5, 9, len(said) - 1}:
            if refused:
                with pytest.raises(DiagnosedError):
                    take(begin, said[:cut], said[cut:])
            else:
                take(begin, said[:cut], said[cut:])


def test_a_hash_for_which_there_is_no_time_is_not_begun() -> None:
    take(hashes(PER_SECOND), seconds=1)
    with pytest.raises(TimeoutError):
        take(hashes(PER_SECOND + 1), seconds=1)


def test_of_what_a_server_says_for_ever_little_is_kept() -> None:
    seen = take(*[b"x" * LONGEST] * 50)
    assert not seen.lacks_proof
    assert sum(len(kept) for kept in vars(vars(seen)["_plain"]).values()) < 20 * LONGEST


class Library:
    """A libpq whose TLS library has something to read."""

    def __init__(self, said: bytes, *, ready: bool = True, pending: int = 0) -> None:
        self._said, self._ready, self._pending = said, ready, pending

    def SSL_is_init_finished(self, _: object) -> bool:  # noqa: N802 - OpenSSL's name
        return self._ready

    def SSL_pending(self, _: object) -> int:  # noqa: N802 - OpenSSL's name
        return self._pending

    def SSL_peek(self, _: object, buffer: Any, size: int) -> int:  # noqa: N802 - OpenSSL's name
        buffer[: len(self._said)] = self._said
        return min(len(self._said), size) or -1

    def ERR_clear_error(self) -> None:  # noqa: N802 - OpenSSL's name
        """Take no note."""


def peek(said: bytes, monkeypatch: pytest.MonkeyPatch, handle: int = 1, **state: Any) -> LoginMessages:
    connection: Any = None
    seen = take(b"\x16\x03\x03 what is encrypted")
    monkeypatch.setattr(login_messages, "libpq", lambda: Library(said, **state))
    monkeypatch.setattr(login_messages, "tls_handle", lambda _: handle)
    seen.peek(connection, Still(SECONDS))
    return seen


def test_inside_tls_it_is_read_where_libpq_has_it_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert peek(ACCEPTED, monkeypatch).lacks_proof
    assert not peek(LIST + CONTINUED + PROOF, monkeypatch).lacks_proof
    assert not peek(b"", monkeypatch).lacks_proof
    with pytest.raises(DiagnosedError):
        peek(hashes(MANY), monkeypatch)


@pytest.mark.parametrize("state", [{"handle": 0}, {"ready": False}, {"pending": 1}])
def test_what_cannot_be_read_yet_is_left_to_libpq(state: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    assert not peek(ACCEPTED, monkeypatch, **state).lacks_proof
