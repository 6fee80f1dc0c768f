"""Deadlines, name resolution and throttles: what stands between a connector and the network."""

from osiris_provider.net.deadline import Deadline
from osiris_provider.net.sockets import open_socket

__all__ = ["Deadline", "open_socket"]
