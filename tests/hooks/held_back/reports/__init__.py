"""Held-back faults as users report them, in the order in which a search finds the reports."""
