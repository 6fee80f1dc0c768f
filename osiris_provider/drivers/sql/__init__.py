"""What the SQL families' drivers share: queries, writes, tables, the load ledger."""
