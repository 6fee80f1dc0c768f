"""Incremental loads: cursors, what orders them, and rows already seen at one."""
