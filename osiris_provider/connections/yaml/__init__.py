"""YAML as a reviewed file needs it: each value with its line, nothing guessed, and limits."""
