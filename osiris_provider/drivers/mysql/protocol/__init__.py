"""MySQL's binary protocol: packets to Arrow columns, and all that touches PyMySQL's privates."""
