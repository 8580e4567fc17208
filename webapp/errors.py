"""Answer every error: a page, or JSON for scripts."""

from flask import Flask, Response, current_app, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_limiter import RateLimitExceeded
from flask_login import current_user
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException, InternalServerError, ServiceUnavailable

from .api.json import json_response
from .columns import utc_now
from .database import first_line_of
from .extensions import login_manager
from .formats import duration, exact
from .metrics import metrics_of
from .request_ids import current_request_id
from .throttling import is_of_everybody, limiter, record_throttled
from .transactions import FULL, why_try_again

# What scripts and machines ask for.
JSON_PREFIXES = ("/osm/api", "/health", "/server-info", "/metrics")
SENT_HEADERS = ("Allow", "Content-Range", "Retry-After", "WWW-Authenticate")
NEXT_STEPS = {
    400: "Go back, and try it again from a fresh page.",
    403: "The links above lead to what you may see.",
    404: "The address may be mistyped, or what it led to is gone. Search, or start from a list.",
    405: "Go back, and use the buttons of the page.",
    413: "Go back, and send less.",
    414: "Go back, and choose fewer values.",
    503: "What was sent is not kept: wait a moment, go back, and send it again.",
}
BUSY_SECONDS = 5


def init_errors(app: Flask) -> None:
    """Handle what is raised anywhere in the application."""
    app.register_error_handler(CSRFError, _show_stale_form)
    app.register_error_handler(HTTPException, _show_http_error)
    app.register_error_handler(DBAPIError, _show_database_error)
    app.register_error_handler(PoolTimeout, _show_full_pool)
    app.register_error_handler(Exception, _show_crash)


def wants_json() -> bool:
    """Tell whether the request is one of a script."""
    return f"{request.path}/".startswith(tuple(f"{prefix}/" for prefix in JSON_PREFIXES))


def _show_stale_form(error: CSRFError) -> ResponseReturnValue:
    """Answer a form of a page from before a login or a logout in another tab."""
    if request.endpoint == "pages.login":
        # It leads on by itself when that is done already, and to a fresh form when not.
        return redirect(url_for("pages.login", next=request.values.get("next") or None))
    if not current_user.is_authenticated:
        # As for any page: to the login, and back to where one was.
        answer: ResponseReturnValue = login_manager.unauthorized()
        return answer
    error.description = "This form is out of date. Go back, reload the page, and send it again."
    return _show_http_error(error)


def _show_http_error(error: HTTPException) -> ResponseReturnValue:
    if error.response is not None:
        return error.response
    code = error.code or 500
    if request.routing_exception is error:
        error.description = _describe_unrouted(code)
    headers = {name: value for name, value in error.get_headers() if name in SENT_HEADERS}
    if code == 429:
        headers.setdefault("Retry-After", _seconds_to_wait(error))
        error.description = _describe_wait(headers["Retry-After"])
    if wants_json():
        response = json_response({"error": True, "message": error.description}, code)
        response.headers.update(headers)
        return response
    if request.headers.get("HX-Request") == "true":
        # For static/swaps.js, which says it where the fragment would have been.
        return Response(error.description, code, headers, content_type="text/plain; charset=utf-8")
    return _render_error(error, code), code, headers


def _render_error(error: HTTPException, code: int) -> str:
    is_crash = code >= 500
    return render_template(
        "errors/show.html",
        error=error,
        code=code,
        is_crash=is_crash,
        request_id=current_request_id(),
        is_worth_again=request.method == "GET" and (is_crash or code == 429),
        next_step=_say_next_step(code),
    )


def _say_next_step(code: int) -> str | None:
    if code >= 500 and (request.method == "GET" or code not in NEXT_STEPS):
        return _say_whom_to_tell()
    return NEXT_STEPS.get(code)


def _say_whom_to_tell() -> str:
    return (
        "Try again in a moment. If it fails again, tell whoever runs this server, and that it was "
        f"at {exact(utc_now())}."
    )


def _seconds_to_wait(error: HTTPException) -> str:
    """Return in how many seconds a limit of ours ends; record the first request that it refuses."""
    breached = limiter.current_limit if isinstance(error, RateLimitExceeded) else None
    if breached is None:
        return ""
    record_throttled(breached)
    return str(max(breached.reset_at - int(utc_now().timestamp()), 1))


def _describe_wait(retry_after: str) -> str:
    """Say in words how long to wait; `retry_after` is a number of seconds, or a date, or blank."""
    why = "Too many requests came from you."
    if is_of_everybody(limiter.current_limit):
        why = "Too many passwords were tried at this account, from many places."
    if not retry_after.isdecimal():
        return f"{why} Wait a moment."
    seconds = int(retry_after)
    wait = f"{seconds} s" if seconds < 60 else duration(seconds * 1000)
    return f"{why} Wait {wait}."


def _describe_unrouted(code: int) -> str:
    """Say what is wrong with an address, or a method, that no route takes."""
    path = f"{request.script_root}{request.path}"[:200]
    if code == 405:
        return f"{request.method} is not allowed at {path}."
    return f"There is nothing at {path}."


def _show_database_error(error: DBAPIError) -> ResponseReturnValue:
    """Answer what will go well in a moment by 503, and the rest as any other failure."""
    why = why_try_again(error)
    if not why:
        return _show_crash(error)
    return _ask_to_try_again(why, first_line_of(error))


def _show_full_pool(_error: PoolTimeout) -> ResponseReturnValue:
    return _ask_to_try_again(FULL, "no connection to the database was free")


def _ask_to_try_again(why: str, log_line: str) -> ResponseReturnValue:
    metrics_of(current_app).count_database_failure(why)
    told = (request.method, request.path, log_line)
    current_app.logger.warning("%s %s is to be tried again: %s", *told)
    return _show_http_error(ServiceUnavailable(why, retry_after=BUSY_SECONDS))


def _show_crash(error: Exception) -> ResponseReturnValue:
    current_app.logger.error("%s %s failed", request.method, request.path, exc_info=error)
    return _show_http_error(InternalServerError("The server failed; its log says why."))
