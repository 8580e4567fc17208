"""Change users and tokens by the rules: good names and passwords, and always an admin left."""

import secrets
from datetime import datetime, timedelta

from sqlalchemy.exc import IntegrityError

from .audit import record
from .columns import utc_now
from .extensions import db
from .keys import hash_key, make_token_key
from .models import Action, Person, Role, Scope, Token, User
from .passwords import hash_password, why_easy
from .queries.sessions import delete_sessions
from .queries.users import (
    delete_token,
    delete_tokens_expired_before,
    get_token,
    get_user,
    has_living_token,
    has_user_alike,
    is_last_admin,
    lock_user,
)
from .transactions import writing

MAX_NAME = 100
MIN_PASSWORD, MAX_PASSWORD = 12, 1000
BETTER = "Take several words that nobody expects together."
EXPIRED_KEPT = timedelta(days=30)
LAST_ADMIN = "{} is the last active admin: make somebody else one first."


class AccountError(ValueError):
    """Raised for what is not allowed; the message is a line for the person asking.

    `field` names the value that is wrong, or is empty.
    """

    def __init__(self, field: str, message: str) -> None:
        """Take the name of the field and what is wrong."""
        super().__init__(message)
        self.field = field


def check_name(name: str, field: str, what: str) -> None:
    """Raise AccountError unless a name can be read and told from others."""
    if not name.strip() or name != name.strip() or not name.isprintable():
        raise AccountError(field, f"{what} must be printable, not empty, without spaces around it.")
    if len(name) > MAX_NAME:
        raise AccountError(field, f"{what} must not be longer than {MAX_NAME} characters.")


def check_password(password: str, username: str, field: str = "password") -> None:
    """Raise AccountError unless a password is hard to guess, for this user too."""
    if len(password) < MIN_PASSWORD:
        given = f"this one has {len(password)}" if password else "none was given"
        raise AccountError(
            field, f"A password must have at least {MIN_PASSWORD} characters; {given}."
        )
    if len(password) > MAX_PASSWORD:
        raise AccountError(field, f"A password must not have over {MAX_PASSWORD} characters.")
    if not password.isprintable():
        raise AccountError(field, "A password must be printable: no line breaks or tabs.")
    if why := why_easy(password, username):
        raise AccountError(field, f"This password is easy to guess: {why}. {BETTER}")


def make_up_password() -> str:
    """Return a random password; 128 bits, 22 characters."""
    return secrets.token_urlsafe(16)


def add_account(username: str, role: Role, password: str) -> int:
    """Add a user and return the id; raise AccountError for a bad or taken name or password."""
    check_name(username, "username", "A user name")
    check_password(password, username)
    user = User(username=username, role=role, password_hash=hash_password(password))
    taken = AccountError("username", f"There is a user {username} already.")
    try:
        with writing():
            if has_user_alike(username):
                raise taken
            db.session.add(user)
            db.session.flush()
            record(Action.USER_ADDED, username, role=role)
            return user.id
    except IntegrityError as error:  # Somebody was faster.
        raise taken from error


def change_role(user_id: int, role: Role) -> None:
    """Make a user an admin or a viewer; raise AccountError for the last active admin."""
    with writing():
        user = get_user(user_id)
        if role != Role.ADMIN and is_last_admin(user):
            raise AccountError("role", LAST_ADMIN.format(user.username))
        user.role = role
        record(Action.USER_ROLE_CHANGED, user.username, role=role)


def change_state(user_id: int, is_active: bool) -> None:
    """Let a user in or keep them out; raise AccountError for the last active admin."""
    with writing():
        user = get_user(user_id)
        if not is_active and is_last_admin(user):
            raise AccountError("state", LAST_ADMIN.format(user.username))
        user.is_active = is_active
        if not is_active:
            delete_sessions(user_id)
        record(Action.USER_ENABLED if is_active else Action.USER_DISABLED, user.username)


def change_password(user_id: int, password: str, field: str = "password") -> None:
    """Give a user another password, which ends their sessions; raise AccountError for a bad one."""
    check_password(password, get_user(user_id).username, field)
    password_hash = hash_password(password)
    with writing():
        user = get_user(user_id)
        user.password_hash = password_hash
        n_ended = delete_sessions(user_id)
        record(Action.PASSWORD_CHANGED, user.username, sessions_ended=n_ended)


def end_other_sessions(user: Person, session_id: int) -> int:
    """End all sessions of a user but this one, and return how many those were."""
    user_id = user.id
    with writing():
        n_ended = delete_sessions(user_id, except_id=session_id)
        record(Action.SESSIONS_ENDED, user.username, sessions_ended=n_ended)
    return n_ended


def change_own_password(user: User, old: str, new: str, again: str) -> None:
    """Change the password of who gave the old one; raise AccountError for what does not fit."""
    check_password(new, user.username, "new_password")
    if new == old:
        raise AccountError("new_password", "The new password must not be the old one.")
    if new != again:
        raise AccountError("password_again", "This is not the new password typed above.")
    change_password(user.id, new, "new_password")


def add_token(
    user: Person, name: str, expires_at: datetime | None, scope: Scope = Scope.READ
) -> str:
    """Make a token and return it; raise AccountError for a name that is bad or in use.

    AccountError too for a scope that goes further than the user may.
    """
    check_name(name, "name", "A token's name")
    if expires_at and expires_at <= utc_now():
        raise AccountError("expires_on", "A token must not expire before it is made.")
    check_scope(user, scope)
    user_id = user.id
    with writing():
        lock_user(user_id)
        if has_living_token(user_id, name):
            raise AccountError(
                "name", f"There is a token {name} already; revoke it or choose another name."
            )
        return _put_token(user_id, name, expires_at, scope)


def check_scope(user: Person, scope: Scope) -> None:
    """Raise AccountError for a scope that goes further than the user may."""
    if scope != Scope.READ and not user.is_admin:
        raise AccountError("scope", f"{user.username} is a viewer, whose tokens can only read.")


def make_token(
    user: Person, name: str, expires_at: datetime | None, scope: Scope = Scope.READ
) -> str:
    """Make a token, whatever other tokens the user has, and return it; only its hash is kept.

    Raises AccountError for a scope that goes further than the user may.
    """
    check_scope(user, scope)
    user_id = user.id
    with writing():
        return _put_token(user_id, name, expires_at, scope)


def _put_token(user_id: int, name: str, expires_at: datetime | None, scope: Scope) -> str:
    """Make a token in the transaction at hand and return it.

    Tokens of the user that expired long ago are forgotten: scripts may log in every minute.
    """
    delete_tokens_expired_before(user_id, utc_now() - EXPIRED_KEPT)
    key = make_token_key()
    token = Token(
        user_id=user_id, name=name, token_hash=hash_key(key), expires_at=expires_at, scope=scope
    )
    db.session.add(token)
    owner = get_user(user_id)
    record(Action.TOKEN_MADE, name, by=owner, owner=owner.username, scope=scope)
    return key


def revoke_token(token_id: int) -> None:
    """Make a token useless."""
    with writing():
        token = get_token(token_id, None)
        record(Action.TOKEN_REVOKED, token.name, owner=token.user.username)
        delete_token(token_id)
