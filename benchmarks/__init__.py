"""Us, our peers and the servers' own limits, side by side: ``scripts/bench``."""
