"""Sign people in by session and scripts by token, and answer who is not."""

import hashlib
import secrets
from datetime import timedelta
from typing import NamedTuple
from urllib.parse import urlsplit, urlunsplit

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from flask import Flask, Request, current_app, g, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Forbidden, Unauthorized

from .columns import utc_now
from .database import first_line_of
from .errors import wants_json
from .extensions import db, login_manager
from .models import Token, User
from .queries.users import find_token_of_hash, find_user_named, note_use_of_token
from .transactions import impatient_connection

API_LOGIN_LASTS = timedelta(days=1)
# How often the last use of a token is written.
USE_NOTED_EVERY = timedelta(minutes=1)

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
    }
)
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
HOW_TO_SEND = "'Authorization: Bearer TOKEN' or 'x-osm-api-key: TOKEN'"

_hasher = PasswordHasher()
# Compared against when there is no such user, so that both answers take equally long.
_NOBODY = _hasher.hash(secrets.token_hex(16))


class SignedIn(NamedTuple):
    """Who is signed in, as pages say it: readable when the database is not."""

    username: str
    is_admin: bool


def hash_password(password: str) -> str:
    """Return the argon2 hash that is stored of a password."""
    return _hasher.hash(password)


def find_user(username: str, password: str) -> User | None:
    """Return the active user with this name and password, if there is one."""
    if "\0" in username:  # PostgreSQL cannot look for such a text.
        return None
    user = find_user_named(username)
    is_right = check_password_of(user, password)
    return user if user and user.is_active and is_right else None


def check_password_of(user: User | None, password: str) -> bool:
    """Tell whether this is the user's password; it takes equally long for nobody's."""
    try:
        return (
            _hasher.verify(user.password_hash if user else _NOBODY, password) and user is not None
        )
    except (VerifyMismatchError, InvalidHashError):
        return False


def hash_token(token: str) -> str:
    """Return the hash that is stored of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def init_auth(app: Flask) -> None:
    """Refuse anonymous requests everywhere but at the public endpoints."""
    login_manager.user_loader(_load_user)
    login_manager.request_loader(_load_user_of_token)
    app.before_request(_require_user)


def _load_user(user_id: str) -> User | None:
    # A token that is sent decides alone: a bad one is not covered up by a session.
    if _given_token(request):
        return _load_user_of_token(request)
    user = db.session.get(User, int(user_id.partition("-")[0]))
    return user if user and user.is_active and user.get_id() == user_id else None


def _load_user_of_token(request: Request) -> User | None:
    given = _given_token(request)
    if not given:
        return None
    token = find_token_of_hash(hash_token(given))
    if token is None or (token.expires_at and token.expires_at <= utc_now()):
        return None
    g.token = token
    return token.user if token.user.is_active else None


def _given_token(request: Request) -> str:
    header = request.headers.get("Authorization", "")
    bearer = header[7:].strip() if header[:7].lower() == "bearer " else ""
    return bearer or request.headers.get("x-osm-api-key", "").strip()


def _require_user() -> ResponseReturnValue | None:
    if request.endpoint in PUBLIC_ENDPOINTS:
        return None
    if signed_in() is None:
        return answer_anonymous()
    if request.method not in SAFE_METHODS:
        _refuse_wrong_means()
    if "token" in g:
        _note_use(g.token)
    if request.endpoint in ADMIN_ENDPOINTS and not current_user.is_admin:
        raise Forbidden("Only an admin may do this; ask one to, or to make you an admin.")
    return None


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


def _note_use(token: Token) -> None:
    """Write when a token was used, at most once a minute; nothing waits for it.

    Where the database is locked it is left to the next use: to read must not take longer, let
    alone fail, because an import is writing.
    """
    now = utc_now()
    due_before = now - USE_NOTED_EVERY
    if token.last_used_at and token.last_used_at > due_before:
        return
    try:
        with impatient_connection() as connection:
            note_use_of_token(connection, token.id, now, due_before)
    except (DBAPIError, PoolTimeout) as error:
        reason = first_line_of(error) if isinstance(error, DBAPIError) else "no connection is free"
        current_app.logger.info("the use of a token was not noted: %s", reason)


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
        wrong = "The token is unknown or has expired. " if _given_token(request) else ""
        raise Unauthorized(
            f"{wrong}Send a valid token: {HOW_TO_SEND}.", www_authenticate=token_challenge()
        )
    if request.headers.get("HX-Request") == "true":
        return "", 200, {"HX-Redirect": url_for("pages.login", next=_page_of_fragment())}
    is_page = request.method == "GET" and request.endpoint is not None
    target = f"{request.script_root}{request.full_path}".rstrip("?") if is_page else None
    return redirect(url_for("pages.login", next=target))


def _page_of_fragment() -> str | None:
    """Return the path of the page that htmx says the reader is on."""
    path = shown_path()
    return path if is_own_path(path) else None


def shown_path() -> str:
    """Return path and query of the address in the reader's browser, as htmx says it.

    Scheme and host are left aside: behind a proxy they are not those that reach the server.
    """
    try:
        shown = urlsplit(request.headers.get("HX-Current-URL", ""))
    except ValueError:
        return ""
    return urlunsplit(("", "", shown.path, shown.query, ""))


def is_own_path(path: str) -> bool:
    """Tell whether a path leads to a page of ours, under our prefix, and nowhere else."""
    start = f"{request.script_root}/"
    is_ours = path.startswith(start) and not path.startswith((f"{start}/", f"{start}\\"))
    return is_ours and path.isprintable()
