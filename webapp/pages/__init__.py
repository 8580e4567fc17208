"""Draw the pages and their fragments."""

from flask import Blueprint

bp = Blueprint("pages", __name__)

from . import overview, run_details, runs, sessions, step_details, steps  # noqa: E402, F401
