"""Values on their way into a database and out of it: whether they fit, and stay what they are."""
