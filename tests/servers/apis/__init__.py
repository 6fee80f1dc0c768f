"""HTTP servers, and APIs that are imitated on them."""
