"""References and state that somebody else has written."""
