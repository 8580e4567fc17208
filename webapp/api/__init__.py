"""Answer scripts: the documented Step Results API, and what is needed to walk the rest."""

from flask import Blueprint

bp = Blueprint("api", __name__, url_prefix="/osm/api")

from . import document, health, runs, sessions, step_results  # noqa: E402, F401 - they add the routes
