"""Faults that are made to happen: a short run in `make test`, a long one by `make chaos`."""
