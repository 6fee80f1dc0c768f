"""Deadlines, sockets, names and throttles."""
