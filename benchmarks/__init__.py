"""Measure what has a budget: `make bench`, or `python -m benchmarks --rows 100000`."""
