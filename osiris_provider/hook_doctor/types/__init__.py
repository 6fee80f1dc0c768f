"""One module a driver, each with its declaration ``TYPE``."""
