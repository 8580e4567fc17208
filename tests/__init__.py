"""The tests, a file a subject."""
