"""Find users and their tokens, for the commands."""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import joinedload

from ..extensions import db
from ..models import Token, User


def find_users() -> Sequence[User]:
    """Return all users by name."""
    return db.session.scalars(select(User).order_by(User.username)).all()


def find_user_named(username: str) -> User | None:
    """Return the user of this name, active or not, if there is one."""
    return db.session.scalar(select(User).where(User.username == username))


def count_users() -> int:
    """Return how many users there are, disabled ones too."""
    return db.session.scalar(select(func.count()).select_from(User)) or 0


def find_tokens(name: str | None = None) -> Sequence[Token]:
    """Return all tokens with their users, or those of one name, oldest first."""
    statement = select(Token).options(joinedload(Token.user)).order_by(Token.id)
    if name is not None:
        statement = statement.where(Token.name == name)
    return db.session.scalars(statement).all()
