"""The command line, where somebody else has put files."""
