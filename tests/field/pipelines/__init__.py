"""Values from step to step."""
