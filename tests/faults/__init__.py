"""Peers that misbehave in every way that a network knows, and the matrix of what doctor says of them."""
