"""Pages and values of APIs."""
