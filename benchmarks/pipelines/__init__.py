"""What pipelines cost to be parsed and to be run."""
