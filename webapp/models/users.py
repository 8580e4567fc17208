"""Define the tables of who may come in."""

import hashlib
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from ..columns import UtcDateTime, utc_now
from .base import Base
from .enums import Role, Scope


class Person:
    """Who does something; what Flask-Login asks of a user."""

    __slots__ = ()

    is_authenticated: ClassVar[bool] = True
    is_anonymous: ClassVar[bool] = False

    if TYPE_CHECKING:
        id: Any
        username: Any
        role: Any
        password_hash: Any

    @property
    def is_admin(self) -> bool:
        """Tell whether the user may manage users and sources."""
        return bool(self.role == Role.ADMIN)

    def get_id(self) -> str:
        """Return by what a session knows its user; another password makes it worthless."""
        return f"{self.id}-{hashlib.sha256(self.password_hash.encode()).hexdigest()[:16]}"


class User(Person, Base):
    """A person who may sign in."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    username: Mapped[str] = mapped_column(Text, unique=True)
    password_hash: Mapped[str] = mapped_column(Text)
    role: Mapped[str] = mapped_column(String(20), default=Role.VIEWER)
    is_active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    # Where PostgreSQL's log stood after the user's last write: a replica must have that.
    written_to: Mapped[int | None] = mapped_column(BigInteger)


class Session(Base):
    """A login in a browser; its cookie holds the key, of which only the SHA-256 is kept.

    Deleted, the cookie is worth nothing, wherever it was copied to.
    """

    __tablename__ = "sessions"
    __table_args__ = (Index(None, "user_id"), Index(None, "created_at"))

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    key_hash: Mapped[str] = mapped_column(String(64), unique=True)
    address: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    # To the minute.
    last_seen_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)

    user: Mapped[User] = relationship()


class Token(Base):
    """A key for scripts; only its SHA-256 is kept."""

    __tablename__ = "tokens"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    name: Mapped[str] = mapped_column(Text)
    scope: Mapped[str] = mapped_column(String(20), default=Scope.READ)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # To the minute.
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    user: Mapped[User] = relationship()


class Throttle(Base):
    """How often something was tried, until when that counts; for all workers and hosts."""

    __tablename__ = "throttles"
    __table_args__ = (Index(None, "expires_at"),)

    key: Mapped[str] = mapped_column(Text, primary_key=True)
    n: Mapped[int] = mapped_column(Integer)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
