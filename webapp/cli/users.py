"""Commands: users."""
