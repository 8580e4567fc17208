"""Begin and end the sessions of browsers."""

from datetime import timedelta

from flask import current_app, request, session
from flask_login import login_user, logout_user

from .audit import record
from .auth import SESSION_KEY
from .columns import utc_now
from .config import Settings
from .extensions import db
from .keys import hash_key, make_key
from .models import Action, Person, Session, User
from .queries.sessions import delete_session, delete_sessions_from_before
from .transactions import writing


def begin_session(user: User) -> None:
    """Sign a user in with a new session; what the browser had before is worth nothing after."""
    key = make_key()
    settings: Settings = current_app.config["SETTINGS"]
    address = request.remote_addr or ""
    with writing():
        delete_session(_key_hash())
        delete_sessions_from_before(utc_now() - timedelta(days=settings.login_days))
        db.session.add(Session(user_id=user.id, key_hash=hash_key(key), address=address))
        record(Action.LOGGED_IN, user.username, by=user)
    session.clear()
    session.permanent = True
    login_user(user)
    session[SESSION_KEY] = key


def end_session(user: Person) -> None:
    """Sign a user out: a copy of the cookie is worth nothing either."""
    with writing():
        delete_session(_key_hash())
        record(Action.LOGGED_OUT, user.username)
    logout_user()
    session.clear()


def _key_hash() -> str:
    return hash_key(session.get(SESSION_KEY, ""))
