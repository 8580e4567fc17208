"""Draw the pages and their fragments."""

from flask import Blueprint

bp = Blueprint("pages", __name__)

from . import runs, sessions, steps  # noqa: E402, F401 - they add the routes
