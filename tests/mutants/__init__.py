"""Small faults put into the package on purpose, to see whether the tests notice; ``scripts/test-mutants`` runs them."""
