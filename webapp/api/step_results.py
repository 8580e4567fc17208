"""API of step_results."""
