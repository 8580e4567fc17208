"""The `flask` commands, as a blueprint, so that each runs with the application at hand."""

from flask import Blueprint

bp = Blueprint("commands", __name__, cli_group=None)

from . import doctor, imports, sources, tokens, users  # noqa: E402, F401 - they add the commands
