"""Render pages and the fragments of them that htmx asks for; hold the template filters."""

from typing import Any

from flask import Flask, Response, make_response, render_template
from htmx_flask import request


def init_rendering(app: Flask) -> None:
    """Add the template filters."""


def wants_fragment() -> bool:
    """Tell whether htmx asks for a part of a page.

    A boosted link and a history restore carry the htmx headers too, but need the whole page.
    """
    return (
        bool(request.htmx) and not request.htmx.boosted and not request.htmx.history_restore_request
    )


def render_page(page: str, fragment: str, **context: Any) -> Response:
    """Render the whole page, or its fragment for htmx, which has the same URL."""
    response = make_response(render_template(fragment if wants_fragment() else page, **context))
    response.vary.add("HX-Request")
    return response
