"""What the families that talk HTTP share: connection models, sessions, transport, faults."""
