"""Define the kinds of columns: UTC times, JSON, and ids of rows in great number."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, Dialect, Integer, String, TypeDecorator
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeEngine

# `2026-11-20 10:00:00.000000`: without the offset, which is always that of UTC.
TEXT_LENGTH = 26


def utc_text(time: datetime) -> str:
    """Return an aware time as SQLite keeps it: in UTC, without its offset."""
    return _in_utc(time).isoformat(" ", "microseconds")[:TEXT_LENGTH]


def utc_offset_text(time: datetime) -> str:
    """Return an aware time in UTC with its offset: PostgreSQL takes it in any session's zone."""
    return f"{utc_text(time)}+00"


def _in_utc(time: datetime) -> datetime:
    if time.tzinfo is None:
        raise ValueError("a time must have a time zone")
    return time if time.tzinfo is UTC else time.astimezone(UTC)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC time with microseconds.

    PostgreSQL keeps a `timestamptz`; SQLite a text of fixed width, so that both sort and compare
    as times do.
    """

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return `timestamptz` for PostgreSQL, a text for SQLite."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(DateTime(timezone=True))
        return dialect.type_descriptor(String(TEXT_LENGTH))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Turn an aware time into what the engine keeps; a naive one is a mistake."""
        if value is None:
            return None
        return _in_utc(value) if dialect.name == "postgresql" else utc_text(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Give back an aware UTC time."""
        if value is None:
            return None
        time = value if isinstance(value, datetime) else datetime.fromisoformat(value)
        return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)


# SQLite numbers rows by itself only for a column that is exactly INTEGER.
BigId = BigInteger().with_variant(Integer, "sqlite")
JsonData = JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")


def utc_now() -> datetime:
    """Return the time now, aware, in UTC."""
    return datetime.now(UTC)


def this_minute() -> datetime:
    """Return when the minute at hand began, aware, in UTC."""
    return utc_now().replace(second=0, microsecond=0)
