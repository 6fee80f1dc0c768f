"""Family mysql on real MySQL and MariaDB servers."""
