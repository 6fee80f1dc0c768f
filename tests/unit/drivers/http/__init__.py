"""Pages of APIs, without a server."""
