"""API of runs."""
