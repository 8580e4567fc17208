"""Sign people in by session and scripts by token, and answer who is not."""

import hashlib
import secrets
from datetime import datetime, timedelta
from urllib.parse import urlsplit, urlunsplit

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from flask import Flask, Request, g, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy import delete, select
from sqlalchemy.orm import joinedload
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Unauthorized

from .columns import utc_now
from .errors import wants_json
from .extensions import db, login_manager
from .models import Role, Token, User

API_LOGIN_LASTS = timedelta(days=1)
TOKEN_PREFIX = "stepboard_"

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
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
HOW_TO_SEND = "'Authorization: Bearer TOKEN' or 'x-osm-api-key: TOKEN'"

_hasher = PasswordHasher()
# Compared against when there is no such user, so that both answers take equally long.
_NOBODY = _hasher.hash(secrets.token_hex(16))


def hash_password(password: str) -> str:
    """Return the argon2 hash that is stored of a password."""
    return _hasher.hash(password)


def find_user(username: str, password: str) -> User | None:
    """Return the active user with this name and password, if there is one."""
    if "\0" in username:  # PostgreSQL cannot look for such a text.
        return None
    user = db.session.execute(select(User).where(User.username == username)).scalar_one_or_none()
    try:
        _hasher.verify(user.password_hash if user else _NOBODY, password)
    except (VerifyMismatchError, InvalidHashError):
        return None
    return user if user and user.is_active else None


def add_user(username: str, password: str, role: Role = Role.VIEWER) -> User:
    """Add somebody who may sign in; the caller has looked that the name is free."""
    user = User(username=username, password_hash=hash_password(password), role=role)
    db.session.add(user)
    db.session.commit()
    return user


def set_password(user: User, password: str) -> None:
    """Give a user another password, which ends their sessions; their tokens stay."""
    user.password_hash = hash_password(password)
    db.session.commit()


def set_active(user: User, is_active: bool) -> None:
    """Let a user in, or keep them out: their sessions and tokens count for nothing then."""
    user.is_active = is_active
    db.session.commit()


def make_token(user: User, name: str, expires_at: datetime | None) -> str:
    """Make a token for a user and return it; only its hash is kept."""
    token = TOKEN_PREFIX + secrets.token_urlsafe(32)
    db.session.add(
        Token(user_id=user.id, name=name, token_hash=_hash_token(token), expires_at=expires_at)
    )
    db.session.commit()
    return token


def revoke_token(token_id: int) -> None:
    """Make a token useless."""
    db.session.execute(delete(Token).where(Token.id == token_id))
    db.session.commit()


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
    token = db.session.execute(
        select(Token)
        .where(Token.token_hash == _hash_token(given))
        .options(joinedload(Token.user, innerjoin=True))
    ).scalar_one_or_none()
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
    if not current_user.is_authenticated:
        return answer_anonymous()
    # The API has no CSRF tokens, so a browser's session must not change anything there.
    if wants_json() and request.method not in SAFE_METHODS and "token" not in g:
        raise Unauthorized(
            f"A session is not enough to change anything here; send {HOW_TO_SEND}.",
            www_authenticate=token_challenge(),
        )
    return None


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
    target = request.full_path.rstrip("?") if is_page else None
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
    """Tell whether a path leads to a page of ours and nowhere else."""
    return path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()


def _hash_token(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
