"""The command line, without what its commands do."""
