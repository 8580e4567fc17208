"""The `flask` commands, as a blueprint, so that each runs with the application at hand."""

from flask import Blueprint

bp = Blueprint("commands", __name__, cli_group=None)

from . import (  # noqa: E402
    counts,  # noqa: F401
    databases,  # noqa: F401
    doctor,  # noqa: F401
    imports,  # noqa: F401
    sources,  # noqa: F401
    tokens,  # noqa: F401
    users,  # noqa: F401
)
