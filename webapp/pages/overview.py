"""Draw the front page."""

from flask import redirect, url_for
from flask.typing import ResponseReturnValue

from . import bp


@bp.get("/")
def show_overview() -> ResponseReturnValue:
    """Lead to the list of steps; the overview comes in its own issue."""
    return redirect(url_for("pages.list_steps"))
