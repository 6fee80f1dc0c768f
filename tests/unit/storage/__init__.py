"""Files and the results of steps."""
