"""Sign people in by session and scripts by token, and answer who is not."""

import hashlib
import secrets
from datetime import datetime, timedelta

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from flask import Flask, Request, g, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy import delete, select
from werkzeug.exceptions import Unauthorized

from .errors import wants_json
from .extensions import db, login_manager
from .models import Token, User, utc_now

API_LOGIN_LASTS = timedelta(days=1)
TOKEN_PREFIX = "stepboard_"

# What an anonymous request gets in to see; `test_conventions` holds the list.
PUBLIC_ENDPOINTS = frozenset(
    {"static", "pages.login", "api.login", "health.show_health", "health.show_readiness"}
)

_hasher = PasswordHasher()
# Compared against when there is no such user, so that both answers take equally long.
_NOBODY = _hasher.hash(secrets.token_hex(16))


def hash_password(password: str) -> str:
    """Return the argon2 hash that is stored of a password."""
    return _hasher.hash(password)


def find_user(username: str, password: str) -> User | None:
    """Return the active user with this name and password, if there is one."""
    user = db.session.execute(select(User).where(User.username == username)).scalar_one_or_none()
    try:
        _hasher.verify(user.password_hash if user else _NOBODY, password)
    except (VerifyMismatchError, InvalidHashError):
        return None
    return user if user and user.is_active else None


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
    app.before_request(_require_user)


@login_manager.user_loader
def _load_user(user_id: str) -> User | None:
    user = db.session.get(User, int(user_id))
    return user if user and user.is_active else None


@login_manager.request_loader
def _load_user_of_token(request: Request) -> User | None:
    header = request.headers.get("Authorization", "")
    given = header[7:].strip() if header[:7].lower() == "bearer " else ""
    given = given or request.headers.get("x-osm-api-key", "")
    if not given:
        return None
    token = db.session.execute(
        select(Token).where(Token.token_hash == _hash_token(given))
    ).scalar_one_or_none()
    if token is None or (token.expires_at and token.expires_at <= utc_now()):
        return None
    g.token = token
    return token.user if token.user.is_active else None


def _require_user() -> ResponseReturnValue | None:
    if request.endpoint in PUBLIC_ENDPOINTS or current_user.is_authenticated:
        return None
    return answer_anonymous()


def answer_anonymous() -> ResponseReturnValue:
    """Send a browser to the login page, htmx too, and a script away with 401."""
    if wants_json():
        raise Unauthorized(
            "Send a valid token: 'Authorization: Bearer TOKEN' or 'x-osm-api-key: TOKEN'."
        )
    if request.headers.get("HX-Request") == "true":
        return "", 200, {"HX-Redirect": url_for("pages.login", next=_page_of_fragment())}
    target = request.full_path.rstrip("?") if request.method == "GET" else None
    return redirect(url_for("pages.login", next=target))


def _page_of_fragment() -> str | None:
    """Return the path of the page that htmx says the reader is on."""
    shown = request.headers.get("HX-Current-URL", "")
    path = shown.removeprefix(request.host_url.rstrip("/"))
    return path if is_own_path(path) else None


def is_own_path(path: str) -> bool:
    """Tell whether a path leads to a page of ours and nowhere else."""
    return path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()


def _hash_token(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
