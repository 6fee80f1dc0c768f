"""OsirisOperator in DAG runs: staging, state, retries, and the end of a task."""
