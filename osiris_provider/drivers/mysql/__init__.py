"""MySQL and MariaDB: extractor and writer."""
