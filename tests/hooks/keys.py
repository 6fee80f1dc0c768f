"""Keys of Google's service accounts."""

from __future__ import annotations

from base64 import urlsafe_b64decode
from functools import cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat


@cache
def _key() -> RSAPrivateKey:
    return generate_private_key(65537, 2048)


def google_key() -> str:
    """Return the key that the imitation takes."""
    return _pem(_key())


def new_key() -> str:
    """Return a key that it does not know."""
    return _pem(generate_private_key(65537, 2048))


def is_signed(assertion: str) -> bool:
    """Return whether a JWT is signed with the key that the imitation takes."""
    signed, _, signature = assertion.rpartition(".")
    try:
        _key().public_key().verify(urlsafe_b64decode(signature + "=="), signed.encode(), PKCS1v15(), SHA256())
    except InvalidSignature:
        return False
    return True


def _pem(key: RSAPrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
