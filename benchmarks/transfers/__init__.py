"""Tables from one database into another, the whole way, beside peers."""
