"""Find users and their tokens; forget tokens, and note their use."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    case,
    delete,
    false,
    func,
    select,
    update,
)
from sqlalchemy.orm import contains_eager
from werkzeug.exceptions import NotFound

from ..columns import utc_now
from ..extensions import db
from ..models import Role, Session, Token, User
from .plain import fetch
from .rows import get_row

# More of them than this are counted, not listed.
MAX_TOKENS = 200


def find_users() -> Sequence[User]:
    """Return all users by name."""
    return db.session.scalars(select(User).order_by(User.username)).all()


def find_users_with_tokens() -> Sequence[Row[tuple[User, int]]]:
    """Return all users by name, each with the number of tokens, expired ones too."""
    statement = (
        select(User, func.count(Token.id))
        .outerjoin(Token, Token.user_id == User.id)
        .group_by(User.id)
        .order_by(User.username)
    )
    return db.session.execute(statement).all()


def get_user(user_id: int) -> User:
    """Return the user with this id, active or not, or answer 404."""
    return get_row(User, user_id, "user")


def find_user_named(username: str) -> User | None:
    """Return the user of this name, active or not, if there is one."""
    if "\0" in username:  # PostgreSQL cannot look for such a text.
        return None
    return db.session.scalar(select(User).where(User.username == username))


def has_user_alike(username: str) -> bool:
    """Tell whether a user has this name, or the same in other letters, small or capital."""
    names = db.session.scalars(select(User.username))
    return username.casefold() in (name.casefold() for name in names)


def count_users() -> int:
    """Return how many users there are, disabled ones too."""
    return db.session.scalar(select(func.count()).select_from(User)) or 0


def is_last_admin(user: User) -> bool:
    """Tell whether nobody else is both active and an admin.

    Inside a transaction that writes; PostgreSQL then makes other changes of admins wait.
    """
    admins = select(User).where(User.role == Role.ADMIN, User.is_active).order_by(User.id)
    return [admin.id for admin in db.session.scalars(admins.with_for_update())] == [user.id]


def lock_user(user_id: int) -> None:
    """Make other changes of this user wait until the transaction ends."""
    db.session.execute(select(User.id).where(User.id == user_id).with_for_update())


def find_tokens(name: str | None = None, username: str | None = None) -> Sequence[Token]:
    """Return all tokens with their users, or those of one name or one user, oldest first."""
    statement = _tokens_with_users().order_by(Token.id)
    if name is not None:
        statement = statement.where(Token.name == name)
    if username is not None:
        statement = statement.where(User.username == username)
    return db.session.scalars(statement).all()


class ListedToken(NamedTuple):
    """A token as the list shows it, with its owner."""

    id: int
    name: str
    scope: str
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime | None
    user_id: int
    username: str
    role: str
    is_active: bool


def find_latest_tokens(user_id: int | None) -> list[ListedToken]:
    """Return the newest tokens of a user, or of everyone: first those that work."""
    of_owner = (User.username, User.role, User.is_active)
    columns = [getattr(Token, name) for name in ListedToken._fields[: -len(of_owner)]]
    statement = select(*columns, *of_owner).join(Token.user)
    if user_id is not None:
        statement = statement.where(Token.user_id == user_id)
    statement = statement.order_by(case((_has_expired(), 1), else_=0), Token.id.desc())
    return [ListedToken._make(row) for row in fetch(statement.limit(MAX_TOKENS)).all()]


def count_tokens(user_id: int | None) -> int:
    """Return how many tokens a user has, or everyone together, expired ones too."""
    statement = select(func.count()).select_from(Token)
    if user_id is not None:
        statement = statement.where(Token.user_id == user_id)
    return db.session.scalar(statement) or 0


def get_token(token_id: int, user_id: int | None) -> Token:
    """Return a token, of this user if one is given, or answer 404."""
    token = get_row(Token, token_id, "token")
    if user_id not in (None, token.user_id):
        raise NotFound(f"There is no token {token_id}.")
    return token


def has_living_token(user_id: int, name: str) -> bool:
    """Tell whether a user has a token of this name that has not expired."""
    statement = select(Token.id).where(
        Token.user_id == user_id, Token.name == name, ~_has_expired()
    )
    return db.session.scalars(statement.limit(1)).first() is not None


def delete_token(token_id: int) -> None:
    """Forget a token, in the transaction at hand."""
    db.session.execute(delete(Token).where(Token.id == token_id))


def delete_tokens_expired_before(user_id: int, time: datetime) -> None:
    """Forget those tokens of a user that expired before a time, in the transaction at hand."""
    db.session.execute(delete(Token).where(Token.user_id == user_id, Token.expires_at < time))


def note_use(
    connection: Connection,
    model: type[Token | Session],
    row_id: int,
    now: datetime,
    due_before: datetime,
) -> None:
    """Write that a token or a session is used now, unless a use after `due_before` is written."""
    used_at = Token.last_used_at if model is Token else Session.last_seen_at
    is_due = used_at.is_(None) | (used_at <= due_before)
    statement = update(model).where(model.id == row_id, is_due).values({used_at.key: now})
    connection.execute(statement)


def _tokens_with_users() -> Select[tuple[Token]]:
    return select(Token).join(Token.user).options(contains_eager(Token.user))


def _has_expired() -> ColumnElement[bool]:
    return func.coalesce(Token.expires_at <= utc_now(), false())
