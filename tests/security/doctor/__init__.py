"""Peers of doctor, of whatever family."""
