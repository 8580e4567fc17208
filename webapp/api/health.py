"""Tell whether the server lives and is ready; no login needed."""

from flask import Blueprint

bp = Blueprint("health", __name__)
