"""Health of connections: events, alerts, the page's routes and the command."""
