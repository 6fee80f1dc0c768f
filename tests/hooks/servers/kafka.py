"""As much of a Kafka broker as a check needs: versions, SASL PLAIN, and a cluster without topics.

Keys, versions and layouts are of Kafka's protocol guide; where a client asks in a version that is not here, it is told
so, as brokers do.
"""

from __future__ import annotations

import struct
from io import BufferedIOBase

from tests.hooks.servers.tcp import Imitation, exactly
from tests.servers.process import HOST

_METADATA, _SASL_HANDSHAKE, _API_VERSIONS, _SASL_AUTHENTICATE = 3, 17, 18, 36
_SERVED = {_METADATA: (0, 1), _SASL_HANDSHAKE: (0, 1), _API_VERSIONS: (0, 0), _SASL_AUTHENTICATE: (0, 0)}
_UNSUPPORTED_MECHANISM, _UNSUPPORTED_VERSION, _AUTHENTICATION_FAILED = 33, 35, 58


class KafkaBroker(Imitation):
    """A cluster of one broker that takes one user with one password.

    :param login: of the user.
    :param password: of the user.
    :param mechanism: that it offers.
    """

    def __init__(self, login: str, password: str, mechanism: str = "PLAIN") -> None:
        super().__init__()
        self._mechanism = mechanism
        self._expected = f"\0{login}\0{password}".encode()

    def talk(self, incoming: BufferedIOBase, outgoing: BufferedIOBase) -> None:
        """Serve one client."""
        known = False
        while True:
            (size,) = struct.unpack(">i", exactly(incoming, 4))
            request = exactly(incoming, size)
            key, version, correlation, client = struct.unpack_from(">hhih", request)
            body = request[10 + max(client, 0) :]
            refused = False
            if key == _SASL_AUTHENTICATE:
                known = body[4:] == self._expected
                refused = not known
            elif key == _METADATA and not known:
                # Who has not logged in is hung up on.
                return
            self.refused += refused
            answer = struct.pack(">i", correlation) + self._answer(key, version, refused)
            outgoing.write(struct.pack(">i", len(answer)) + answer)
            if refused:
                return

    def _answer(self, key: int, version: int, refused: bool) -> bytes:
        if key == _API_VERSIONS:
            error = 0 if version in range(_SERVED[key][1] + 1) else _UNSUPPORTED_VERSION
            served = b"".join(struct.pack(">hhh", one, *versions) for one, versions in _SERVED.items())
            return struct.pack(">hi", error, len(_SERVED)) + served
        if key == _SASL_HANDSHAKE:
            error = 0 if self._mechanism == "PLAIN" else _UNSUPPORTED_MECHANISM
            return struct.pack(">hi", error, 1) + _text(self._mechanism)
        if key == _SASL_AUTHENTICATE:
            said = _text("Authentication failed: Invalid username or password") if refused else struct.pack(">h", -1)
            return struct.pack(">h", _AUTHENTICATION_FAILED if refused else 0) + said + struct.pack(">i", 0)
        broker = struct.pack(">ii", 1, 1) + _text(HOST) + struct.pack(">i", self.port)
        if version == 0:
            return broker + struct.pack(">i", 0)
        no_rack, controller, topics = struct.pack(">h", -1), struct.pack(">i", 1), struct.pack(">i", 0)
        return broker + no_rack + controller + topics


def _text(text: str) -> bytes:
    return struct.pack(">h", len(text)) + text.encode()
