"""Tables of databases into Parquet files: beside peers, with more rows and columns, and with time on the line."""
