"""Commands: imports."""
