"""Find who sends a request, by the token or the session that it shows.

Every request asks for it. So it is one statement that is built once, and plain values, not rows of
the ORM's session: those took three times as long, and were read anew after each write.
"""

from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Select, Text, bindparam, select

from ..models import Person, Session, Token, User
from .plain import fetch_again
from .state import note_version, version_seen

USER_COLUMNS = (
    User.id,
    User.username,
    User.role,
    User.is_active,
    User.password_hash,
    User.written_to,
)
# The version of the history stands before them: whoever asks mostly wants to know it next.
_N_BEFORE = 1 + len(USER_COLUMNS)


@dataclass(frozen=True, slots=True)
class Caller(Person):
    """The user who sends a request, as the database had them when it came in."""

    id: int
    username: str
    role: str
    is_active: bool
    password_hash: str = field(repr=False)
    written_to: int | None


@dataclass(frozen=True, slots=True)
class ShownToken:
    """The token that a request shows."""

    user: Caller
    id: int
    name: str
    scope: str
    token_hash: str = field(repr=False)
    expires_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class ShownSession:
    """The session whose key a request shows."""

    user: Caller
    id: int
    created_at: datetime
    last_seen_at: datetime


def find_token_of_hash(token_hash: str) -> ShownToken | None:
    """Return the token that has this hash, expired or not, with its user, if there is one."""
    row: Any = fetch_again(_token_of_hash(), {"token_hash": token_hash}).one_or_none()
    return ShownToken(_caller_of(row), *row[_N_BEFORE:]) if row else None


def find_session_of_hash(key_hash: str) -> ShownSession | None:
    """Return the session whose key has this hash, with its user, if there is one."""
    row: Any = fetch_again(_session_of_hash(), {"key_hash": key_hash}).one_or_none()
    return ShownSession(_caller_of(row), *row[_N_BEFORE:]) if row else None


def _caller_of(row: Any) -> Caller:
    note_version(row[0])
    return Caller(*row[1:_N_BEFORE])


@cache
def _token_of_hash() -> Select[Any]:
    shown = (
        Token.id,
        Token.name,
        Token.scope,
        Token.token_hash,
        Token.expires_at,
        Token.last_used_at,
    )
    statement = select(version_seen(), *USER_COLUMNS, *shown).select_from(Token).join(Token.user)
    return statement.where(Token.token_hash == bindparam("token_hash", type_=Text))


@cache
def _session_of_hash() -> Select[Any]:
    shown = (Session.id, Session.created_at, Session.last_seen_at)
    statement = (
        select(version_seen(), *USER_COLUMNS, *shown).select_from(Session).join(Session.user)
    )
    return statement.where(Session.key_hash == bindparam("key_hash", type_=Text))
