"""When a certificate expires is read from its DER, whatever its dates, and whatever is no certificate is refused."""

from __future__ import annotations

import ssl
from datetime import datetime, timedelta, timezone
from functools import cache

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import example, given
from hypothesis import strategies as st
from osiris_provider.net.certificate import not_after
from osiris_provider.net.expiry import Expiry, Noted


@cache
def key() -> EllipticCurvePrivateKey:
    return generate_private_key(SECP256R1())


def certificate(until: datetime, names: int = 1) -> bytes:
    """Make a certificate whose issuer's name is as long as it takes."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.ORGANIZATIONAL_UNIT_NAME, f"unit {n}") for n in range(names)])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key().public_key())
    begin = until - timedelta(days=1)
    builder = builder.serial_number(4711).not_valid_before(begin).not_valid_after(until)
    return builder.sign(key(), SHA256()).public_bytes(Encoding.DER)


# Two digits of the year, from 1950 to 2049, and four after that.
@example(datetime(1950, 6, 1), 1)  # noqa: DTZ001 - naive
@example(datetime(2049, 12, 31), 1)  # noqa: DTZ001 - naive
@example(datetime(2050, 1, 2), 1)  # noqa: DTZ001 - naive
@given(st.datetimes(datetime(1960, 1, 1), datetime(9999, 12, 31)), st.sampled_from([0, 1, 9, 300]))  # noqa: DTZ001 - naive
def test_the_end_is_that_which_the_cryptography_library_reads(until: datetime, names: int) -> None:
    der = certificate(until.replace(microsecond=0), names)
    assert not_after(der) == x509.load_der_x509_certificate(der).not_valid_after_utc


@given(st.binary(max_size=80) | st.integers(0, 150).map(lambda size: certificate(datetime.now(timezone.utc))[:size]))
def test_what_is_no_certificate_is_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the message is for no one
        not_after(data)


@pytest.mark.parametrize("words", ["", "Certificate:\n    Data:\n"])
def test_a_file_tells_of_its_first_certificate(words: str) -> None:
    first, second = (datetime(year, 1, 2, tzinfo=timezone.utc) for year in (2031, 2030))
    pem = words + "".join(ssl.DER_cert_to_PEM_cert(certificate(until)) for until in (first, second))
    noted = Noted([("file", "", pem.encode()), ("line", "db:1", certificate(second)), ("file", "", pem.encode())])
    assert noted.expiries() == [Expiry("line", "db:1", second), Expiry("file", "", first)]
