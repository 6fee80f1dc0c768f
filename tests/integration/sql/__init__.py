"""What the families that speak SQL have in common, on real servers."""
