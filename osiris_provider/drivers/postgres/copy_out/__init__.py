"""What a COPY out of PostgreSQL gives: text, in blocks of whole rows, which become exact Arrow values."""
