"""Find and delete the sessions of browsers."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, select

from ..extensions import db
from ..models import Session, User


def find_sessions(user_id: int) -> Sequence[Session]:
    """Return the sessions of a user, the latest first."""
    statement = select(Session).where(Session.user_id == user_id)
    return db.session.scalars(statement.order_by(Session.last_seen_at.desc(), Session.id)).all()


def has_session_at(username: str, address: str) -> bool:
    """Tell whether a user of this name has a session that began at this address."""
    if "\0" in username:  # PostgreSQL cannot look for such a text.
        return False
    statement = select(Session.id).join(Session.user)
    statement = statement.where(User.username == username, Session.address == address)
    return db.session.scalars(statement.limit(1)).first() is not None


def delete_sessions(user_id: int, except_id: int | None = None) -> int:
    """Delete the sessions of a user, but for one, in the transaction at hand; return how many."""
    statement = delete(Session).where(Session.user_id == user_id)
    if except_id is not None:
        statement = statement.where(Session.id != except_id)
    return db.session.execute(statement).rowcount  # type: ignore[attr-defined, no-any-return]


def delete_session(key_hash: str) -> None:
    """Delete a session, in the transaction at hand."""
    db.session.execute(delete(Session).where(Session.key_hash == key_hash))


def delete_sessions_from_before(time: datetime) -> None:
    """Delete all sessions that began before a time, in the transaction at hand."""
    db.session.execute(delete(Session).where(Session.created_at < time))
