"""``bulk_load`` and ``bulk_dump`` of the hooks: tab-delimited files of this machine."""
