"""A Parquet file into a table: beside peers and the servers' own clients."""
