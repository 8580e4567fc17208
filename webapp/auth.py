"""Sign people in by session and scripts by token, and answer who is not."""

from datetime import datetime, timedelta
from typing import NamedTuple
from urllib.parse import urlsplit, urlunsplit

from flask import Flask, Request, current_app, g, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Forbidden, Unauthorized

from .addresses import is_within
from .columns import utc_now
from .config import Settings
from .database import first_line_of
from .errors import wants_json
from .extensions import login_manager
from .keys import hash_key, is_same_hash, is_token_key
from .models import Scope, Session, Token, User
from .passwords import is_password
from .queries.callers import (
    Caller,
    ShownSession,
    ShownToken,
    find_session_of_hash,
    find_token_of_hash,
)
from .queries.users import find_user_named, note_use
from .transactions import impatient_connection

API_LOGIN_LASTS = timedelta(days=1)
# How often the last use of a token or a session is written.
USE_NOTED_EVERY = timedelta(minutes=1)
# Where the key of a session stands in its cookie.
SESSION_KEY = "key"

METRICS = "metrics.show_metrics"
# What an anonymous request gets in to see; `test_conventions` holds the list.
PUBLIC_ENDPOINTS = frozenset(
    {
        "static",
        "pages.login",
        "api.login",
        "health.show_health",
        "health.show_readiness",
        "health.show_server_info",
    }
)
# What only an admin may do or see; every other endpoint is for whoever has signed in.
ADMIN_ENDPOINTS = frozenset(
    {
        "pages.list_users",
        "pages.add_user",
        "pages.show_user",
        "pages.set_user_role",
        "pages.set_user_state",
        "pages.set_user_password",
        "pages.import_source",
        "pages.list_audit_events",
        "api.import_source",
        "api.list_audit_events",
        METRICS,
    }
)
# What the token must be good for, where it is not what `_needed_scope` says.
SCOPES = {
    "api.import_source": Scope.WRITE,
    "api.logout": Scope.READ,
    METRICS: Scope.READ,
}
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
HOW_TO_SEND = "'Authorization: Bearer TOKEN' or 'x-osm-api-key: TOKEN'"


class SignedIn(NamedTuple):
    """Who is signed in, as pages say it: readable when the database is not."""

    username: str
    is_admin: bool


def find_user(username: str, password: str) -> User | None:
    """Return the active user with this name and password, if there is one."""
    user = find_user_named(username)
    is_right = is_password(user.password_hash if user else None, password)
    return user if user and user.is_active and is_right else None


def init_auth(app: Flask) -> None:
    """Refuse anonymous requests everywhere but at the public endpoints."""
    login_manager.user_loader(_load_user)
    login_manager.request_loader(_load_user_of_token)
    login_manager.unauthorized_handler(answer_anonymous)
    app.before_request(_require_user)


def _load_user(user_id: str) -> Caller | None:
    # A token that is sent decides alone: a bad one is not covered up by a session.
    if _given_token(request):
        return _load_user_of_token(request)
    found = find_session_of_hash(hash_key(session.get(SESSION_KEY, "")))
    if found is None or not _is_alive(found) or found.user.get_id() != user_id:
        return None
    g.session = found
    return found.user if found.user.is_active else None


def _is_alive(found: ShownSession) -> bool:
    """Tell whether a session has neither ended nor been idle for too long."""
    settings: Settings = current_app.config["SETTINGS"]
    now = utc_now()
    ends = found.created_at + timedelta(days=settings.login_days)
    return now < ends and now < found.last_seen_at + timedelta(hours=settings.idle_hours)


def _load_user_of_token(request: Request) -> Caller | None:
    given = _given_token(request)
    if not is_token_key(given):
        return None
    given_hash = hash_key(given)
    token = find_token_of_hash(given_hash)
    if token is None or not is_same_hash(token.token_hash, given_hash):
        return None
    if token.expires_at and token.expires_at <= utc_now():
        return None
    g.token = token
    return token.user if token.user.is_active else None


def _given_token(request: Request) -> str:
    header = request.headers.get("Authorization", "")
    bearer = header[7:].strip() if header[:7].lower() == "bearer " else ""
    return bearer or request.headers.get("x-osm-api-key", "").strip()


def _require_user() -> ResponseReturnValue | None:
    # What a browser asks before it lets a script of another origin send a token.
    is_preflight = (
        request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers
    )
    if request.endpoint in PUBLIC_ENDPOINTS or is_preflight or _reads_metrics_by_address():
        return None
    if signed_in() is None:
        return answer_anonymous()
    if request.endpoint in ADMIN_ENDPOINTS and not current_user.is_admin:
        raise Forbidden("Only an admin may do this; ask one to, or to make you an admin.")
    if request.method not in SAFE_METHODS:
        _refuse_wrong_means()
    if request.endpoint is None:
        # Nothing is there: 404 or 405, whatever the scope of the token.
        return None
    if "token" in g:
        _refuse_narrow_token(g.token)
        _note_use(Token, g.token.id, g.token.last_used_at)
    elif "session" in g:
        _note_use(Session, g.session.id, g.session.last_seen_at)
    return None


def _refuse_narrow_token(token: ShownToken) -> None:
    """Answer 403 to a token whose scope does not reach this far."""
    needed = _needed_scope()
    if Scope(token.scope).rank < needed.rank:
        raise Forbidden(
            f"The scope of this token is {token.scope}; this needs one of {needed}: make another."
        )


def _needed_scope() -> Scope:
    """Return what a token must be good for; what nobody thought of needs the most."""
    is_reading = request.method in SAFE_METHODS and request.endpoint not in ADMIN_ENDPOINTS
    return SCOPES.get(request.endpoint or "", Scope.READ if is_reading else Scope.ADMIN)


def _reads_metrics_by_address() -> bool:
    """Tell whether this is a reading of the metrics from an address that needs no token."""
    settings: Settings = current_app.config["SETTINGS"]
    return request.endpoint == METRICS and is_within(request.remote_addr, settings.metrics_from)


def _refuse_wrong_means() -> None:
    """Let only tokens change what the API has, and only sessions what pages have."""
    # The API has no CSRF tokens, so a browser's session must not change anything there.
    if wants_json() and "token" not in g:
        raise Unauthorized(
            f"A session is not enough to change anything here; send {HOW_TO_SEND}.",
            www_authenticate=token_challenge(),
        )
    # Else a token could make another one, that outlives it, and an admin's a user.
    if not wants_json() and "token" in g:
        raise Forbidden("A token changes nothing on pages; log in.")


def _note_use(model: type[Token | Session], row_id: int, noted_at: datetime | None) -> None:
    """Write when a token or a session was used, at most once a minute; nothing waits for it.

    Where the database is locked it is left to the next use: to read must not take longer, let
    alone fail, because an import is writing.
    """
    now = utc_now()
    due_before = now - USE_NOTED_EVERY
    if noted_at and noted_at > due_before:
        return
    try:
        with impatient_connection() as connection:
            note_use(connection, model, row_id, now, due_before)
    except (DBAPIError, PoolTimeout) as error:
        reason = first_line_of(error) if isinstance(error, DBAPIError) else "no connection is free"
        current_app.logger.info("a use was not noted: %s", reason)


def signed_in(may_ask: bool = True) -> SignedIn | None:
    """Return who is signed in; only if that is known by now, where the database must rest."""
    if "signed_in" not in g and may_ask:
        user = current_user
        is_known = user.is_authenticated
        g.signed_in = SignedIn(user.username, user.is_admin) if is_known else None
    found: SignedIn | None = g.get("signed_in")
    return found


def token_challenge() -> WWWAuthenticate:
    """Return the header that says how scripts sign in."""
    return WWWAuthenticate("bearer", {"realm": "Stepboard"})


def answer_anonymous() -> ResponseReturnValue:
    """Send a browser to the login page, htmx too, and a script away with 401."""
    if wants_json():
        given = _given_token(request)
        wrong = "The token is unknown or has expired. " if given else ""
        if given and not is_token_key(given):
            wrong = "This is no whole token: it is mistyped or cut. "
        raise Unauthorized(
            f"{wrong}Send a valid token: {HOW_TO_SEND}.", www_authenticate=token_challenge()
        )
    if request.headers.get("HX-Request") == "true":
        return "", 200, {"HX-Redirect": url_for("pages.login", next=_page_of_fragment())}
    is_page = request.method == "GET" and request.endpoint is not None
    here = f"{request.script_root}{request.full_path}".rstrip("?")
    target = here if is_page else _page_of_form()
    return redirect(url_for("pages.login", next=target))


def _page_of_fragment() -> str | None:
    """Return the path of the page that htmx says the reader is on, and the place in it."""
    path = shown_path()
    _, _, place = request.headers.get("HX-Current-URL", "").partition("#")
    if not is_own_path(path):
        return None
    return f"{path}#{place}" if place else path


def _page_of_form() -> str | None:
    """Return the path of the page that a form was sent from, if it is one of ours."""
    path = _path_of(request.referrer or "")
    return path if request.method != "GET" and is_own_path(path) else None


def shown_path() -> str:
    """Return path and query of the address in the reader's browser, as htmx says it.

    Scheme and host are left aside: behind a proxy they are not those that reach the server.
    """
    return _path_of(request.headers.get("HX-Current-URL", ""))


def _path_of(url: str) -> str:
    try:
        shown = urlsplit(url)
    except ValueError:
        return ""
    return urlunsplit(("", "", shown.path, shown.query, ""))


def is_own_path(path: str) -> bool:
    """Tell whether a path leads to a page of ours, under our prefix, and nowhere else."""
    start = f"{request.script_root}/"
    is_ours = path.startswith(start) and not path.startswith((f"{start}/", f"{start}\\"))
    return is_ours and path.isprintable()
