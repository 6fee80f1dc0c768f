"""Deadlines, name resolution and throttles: what stands between a connector and the network."""
