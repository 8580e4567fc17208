"""Give Prometheus its metrics: to admins' tokens, and to addresses that the settings name."""

from typing import cast

from flask import Blueprint, Response, current_app

from ..exposition import CONTENT_TYPE, Exposition

bp = Blueprint("metrics", __name__)
_EXTENSION = "stepboard-exposition"


@bp.get("/metrics")
def show_metrics() -> Response:
    """Send all metrics as Prometheus's text."""
    kept = current_app.extensions.setdefault(_EXTENSION, Exposition())
    return Response(cast(Exposition, kept).to_text(), content_type=CONTENT_TYPE)
