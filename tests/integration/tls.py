"""Certificates of clients, and lists of revoked ones, for the tests of TLS."""

from __future__ import annotations

from pathlib import Path

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.faults.sql import Certificates, trustme_day

GOOD = "good"


def client_files(
    certificates: Certificates, directory: Path, cert_field: str, key_field: str, which: str = GOOD
) -> dict[str, str]:
    """Write a client's certificate and key and return the fields of a connection that names them.

    :param certificates: whose authority has signed it.
    :param directory: where the files are put.
    :param cert_field: field of the certificate.
    :param key_field: field of the key.
    :param which: of :func:`issued`.
    """
    cert, key = directory / "client.pem", directory / "client-key.pem"
    certificate = issued(certificates, which)
    certificate.cert_chain_pems[0].write_to_path(str(cert))
    certificate.private_key_pem.write_to_path(str(key))
    key.chmod(0o600)
    return {cert_field: str(cert), key_field: str(key)}


def issued(certificates: Certificates, which: str) -> trustme.LeafCert:
    """Return a certificate for user ``certified``, or one that a server refuses."""
    issue = certificates.authority.issue_cert
    if which == "of another authority":
        return trustme.CA().issue_cert("client", common_name="certified")
    if which == "for another name":
        return issue("client", common_name="somebody")
    first, last = {"expired": (-9, -1), "not valid yet": (1, 9)}.get(which, (-9, 9))
    return issue("client", common_name="certified", not_before=trustme_day(first), not_after=trustme_day(last))


def revoked_list(authority: trustme.CA, *numbers: int, last: int = 9) -> bytes:
    """Return an authority's list of revoked certificates, as PEM.

    :param numbers: of the certificates.
    :param last: days from now on that it is good for.
    """
    key = serialization.load_pem_private_key(authority.private_key_pem.bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    issuer = x509.load_pem_x509_certificate(authority.cert_pem.bytes()).subject
    entries = [x509.RevokedCertificateBuilder(number, trustme_day(-5)).build() for number in numbers]
    builder = x509.CertificateRevocationListBuilder(issuer, trustme_day(-9), trustme_day(last), [], entries)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
