"""Files: CSV and Parquet."""
