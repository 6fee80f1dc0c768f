"""Doctor of any connection type, without a hook."""
