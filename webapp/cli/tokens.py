"""Commands: tokens."""
