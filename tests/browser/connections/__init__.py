"""Admin > Connections: the forms and their Test button."""
