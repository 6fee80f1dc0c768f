"""What a COPY into PostgreSQL is fed: rows as text or in binary, encoded while they are sent."""
