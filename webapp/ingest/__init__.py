"""Bring rows in: one writer for all of them, and a folder for each kind of source."""
