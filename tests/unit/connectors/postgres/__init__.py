"""Tests of the postgres family without a server."""
