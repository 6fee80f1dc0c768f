"""Certificates of clients, for the tests of TLS."""

from __future__ import annotations

from pathlib import Path

from tests.faults.sql import Certificates


def client_files(certificates: Certificates, directory: Path, cert_field: str, key_field: str) -> dict[str, str]:
    """Write a client's certificate and key and return the fields of a connection that names them.

    :param certificates: whose authority has signed it.
    :param directory: where the files are put.
    :param cert_field: field of the certificate.
    :param key_field: field of the key.
    """
    cert, key = directory / "client.pem", directory / "client-key.pem"
    certificates.good.cert_chain_pems[0].write_to_path(str(cert))
    certificates.good.private_key_pem.write_to_path(str(key))
    key.chmod(0o600)
    return {cert_field: str(cert), key_field: str(key)}
