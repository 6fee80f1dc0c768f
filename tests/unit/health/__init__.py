"""Health of connections: history, answers, alerts."""
