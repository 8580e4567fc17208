"""Give each request an id: in the log, in the header X-Request-ID and on pages of errors."""

import re
import uuid

from flask import Flask, Response, current_app, g, has_request_context, request

from .config import Settings

HEADER = "X-Request-ID"
_GOOD = re.compile(r"[A-Za-z0-9._-]{8,64}")


def init_request_ids(app: Flask) -> None:
    """Choose each request's id before anything else is done, and send it with the answer."""
    app.before_request(_choose)
    app.after_request(_send)


def current_request_id() -> str:
    """Return the id of the request at hand; an empty text where there is none."""
    return str(g.get("request_id", "")) if has_request_context() else ""


def _choose() -> None:
    settings: Settings = current_app.config["SETTINGS"]
    # Only a proxy of ours is believed: whoever else sends one could pass for another request.
    given = request.headers.get(HEADER, "") if settings.proxies else ""
    g.request_id = given if _GOOD.fullmatch(given) else uuid.uuid4().hex


def _send(response: Response) -> Response:
    response.headers[HEADER] = current_request_id()
    return response
