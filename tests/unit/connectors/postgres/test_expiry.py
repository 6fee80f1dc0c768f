"""How the certificates of a line are read with libpq's own OpenSSL: without any."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from osiris_provider.connectors.postgres import expiry
from osiris_provider.net.expiry import CLIENT_CERTIFICATE, SERVER_CERTIFICATE, noting

THEIRS, OURS = 11, 22
DER = {THEIRS: b"what the server has", OURS: b"what the client has"}
NAMES = ("SSL_get1_peer_certificate", "SSL_get_peer_certificate")


class Function:
    """One of C, which has its types as attributes."""

    def __init__(self, call: Callable[..., Any]) -> None:
        self._call = call

    def __call__(self, *arguments: Any) -> Any:
        return self._call(*arguments)


class Library:
    """An OpenSSL that has these certificates."""

    def __init__(self, name: str, *, theirs: int | None, ours: int | None) -> None:
        self.freed: list[int] = []
        vars(self)[name] = Function(lambda handle: {1: theirs}[handle])
        self.SSL_get_certificate = Function(lambda handle: {1: ours}[handle])
        self.X509_free = Function(self.freed.append)
        self.i2d_X509 = Function(written)


def written(certificate: int, end: Any) -> int:
    if end is not None:
        ctypes.memmove(end._obj.value, DER[certificate], len(DER[certificate]))  # noqa: SLF001 - what byref() is of
    return len(DER[certificate])


def noted_of(library: Library | None, monkeypatch: pytest.MonkeyPatch, *, tls: bool = True) -> list[Any]:
    monkeypatch.setattr(expiry, "libpq", lambda: library)
    monkeypatch.setattr(expiry, "tls_handle", lambda _: 1)
    connection: Any = SimpleNamespace(info=SimpleNamespace(ssl_in_use=tls))
    with noting() as noted:
        expiry.note_certificates(connection, "db:5432")
    return noted.certificates


SERVER, CLIENT = (SERVER_CERTIFICATE, "db:5432", DER[THEIRS]), (CLIENT_CERTIFICATE, "", DER[OURS])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("theirs", "ours", "noted"), [(THEIRS, OURS, [SERVER, CLIENT]), (THEIRS, None, [SERVER]), (None, OURS, [CLIENT])]
)
def test_each_certificate_is_read_and_only_what_is_ours_is_freed(
    name: str, theirs: int | None, ours: int | None, noted: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenSSL counts who has the server's; the client's it lends."""
    library = Library(name, theirs=theirs, ours=ours)
    assert noted_of(library, monkeypatch) == noted
    assert library.freed == [THEIRS] * (theirs is not None)


def test_where_there_is_nothing_to_read_nothing_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    library = Library(NAMES[0], theirs=THEIRS, ours=OURS)
    assert noted_of(library, monkeypatch, tls=False) == noted_of(None, monkeypatch) == []
    assert noted_of(Library("of_another_library", theirs=THEIRS, ours=OURS), monkeypatch) == []
