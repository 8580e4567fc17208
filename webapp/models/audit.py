"""Define the table of what people and scripts did that others may ask about."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from ..columns import BigId, JsonData, UtcDateTime, utc_now
from .base import Base


class AuditEvent(Base):
    """One act: who did what to whom or what, when, from where and by which means.

    Names, not references: an event outlives the user and the token that it tells of. It is never
    changed.
    """

    __tablename__ = "audit_events"
    __table_args__ = (
        Index(None, "action", "id"),
        Index(None, "actor", "id"),
        Index(None, "created_at", "id"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    action: Mapped[str] = mapped_column(String(40))
    # A user's name; of a command, the account of the system.
    actor: Mapped[str] = mapped_column(Text)
    actor_id: Mapped[int | None] = mapped_column(BigInteger)
    # A session, a token and which, or the command line.
    means: Mapped[str] = mapped_column(Text)
    address: Mapped[str] = mapped_column(Text)
    request_id: Mapped[str] = mapped_column(Text)
    subject: Mapped[str] = mapped_column(Text)
    details: Mapped[dict[str, Any] | None] = mapped_column(JsonData)
