"""The doctor in tasks: its operator, its sensor and its trigger."""
