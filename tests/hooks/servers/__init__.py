"""The servers that hooks are checked against: real ones, and imitations of those that cannot be had here."""
