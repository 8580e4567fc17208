"""Answer every error: a page, or JSON for scripts."""

from flask import Flask, current_app, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException, InternalServerError

from .api.json import json_response

# What scripts and machines ask for.
JSON_PREFIXES = ("/osm/api", "/health", "/server-info")
SENT_HEADERS = ("Allow", "Retry-After", "WWW-Authenticate")


def init_errors(app: Flask) -> None:
    """Handle what is raised anywhere in the application."""
    app.register_error_handler(CSRFError, _show_stale_form)
    app.register_error_handler(HTTPException, _show_http_error)
    app.register_error_handler(Exception, _show_crash)


def wants_json() -> bool:
    """Tell whether the request is one of a script."""
    return f"{request.path}/".startswith(tuple(f"{prefix}/" for prefix in JSON_PREFIXES))


def _show_stale_form(error: CSRFError) -> ResponseReturnValue:
    """Answer a form of a page from before a login or a logout in another tab."""
    if request.endpoint in ("pages.login", "pages.logout"):
        # Either leads on by itself when it is done already, and to a fresh form when not.
        return redirect(url_for("pages.login", next=request.values.get("next") or None))
    error.description = "This form is out of date. Go back, reload the page, and send it again."
    return _show_http_error(error)


def _show_http_error(error: HTTPException) -> ResponseReturnValue:
    if error.response is not None:
        return error.response
    code = error.code or 500
    if request.routing_exception is error:
        error.description = _describe_unrouted(code)
    headers = {name: value for name, value in error.get_headers() if name in SENT_HEADERS}
    if wants_json():
        response = json_response({"error": True, "message": error.description}, code)
        response.headers.update(headers)
        return response
    return render_template("errors/show.html", error=error, code=code), code, headers


def _describe_unrouted(code: int) -> str:
    """Say what is wrong with an address, or a method, that no route takes."""
    if code == 405:
        return f"{request.method} is not allowed at {request.path[:200]}."
    return f"There is nothing at {request.path[:200]}."


def _show_crash(error: Exception) -> ResponseReturnValue:
    current_app.logger.error("%s %s failed", request.method, request.path, exc_info=error)
    return _show_http_error(InternalServerError("The server failed; its log says why."))
