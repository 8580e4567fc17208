"""API of sessions."""
