"""A family of third parties, that of docs/adding-a-family.md: its server, and how its files get into a directory.

scripts/build runs ``python -m tests.third_party DIRECTORY``, and there the contract against the installed wheel.
"""
