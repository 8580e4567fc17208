"""The tests, a file a subject."""

import os

# They start the application over a hundred times: Python may keep what it compiled of it.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
