"""The connections file: references, variables, resolution, redaction. Nothing here talks to a network."""

from osiris_provider.connections.listing import list_connections
from osiris_provider.connections.reference import ConnectionRef
from osiris_provider.connections.resolve import resolve_connection

__all__ = ["ConnectionRef", "list_connections", "resolve_connection"]
