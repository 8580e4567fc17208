"""Count tries in the database, so that all workers and hosts count together."""

from datetime import datetime

from sqlalchemy import Connection, case, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from ..models import Throttle, table_of


def add_to_throttle(
    connection: Connection, key: str, n: int, now: datetime, expires_at: datetime
) -> int:
    """Count n more tries of a key and return how many that makes; an expired count begins anew."""
    table = table_of(Throttle)
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    is_old = table.c.expires_at <= now
    statement = insert(table).values(key=key, n=n, expires_at=expires_at)
    grown = {
        "n": case((is_old, n), else_=table.c.n + n),
        "expires_at": case((is_old, expires_at), else_=table.c.expires_at),
    }
    upsert = statement.on_conflict_do_update(index_elements=["key"], set_=grown)
    return int(connection.execute(upsert.returning(table.c.n)).scalar_one())


def find_throttle(connection: Connection, key: str, now: datetime) -> tuple[int, datetime | None]:
    """Return how often a key was tried, and until when that counts."""
    statement = select(Throttle.n, Throttle.expires_at)
    found = connection.execute(
        statement.where(Throttle.key == key, Throttle.expires_at > now)
    ).first()
    return (found.n, found.expires_at) if found else (0, None)


def delete_throttle(connection: Connection, key: str) -> None:
    """Forget the tries of a key."""
    connection.execute(delete(Throttle).where(Throttle.key == key))


def delete_old_throttles(connection: Connection, now: datetime) -> int:
    """Forget all that does not count any more, and return how many those were."""
    return connection.execute(delete(Throttle).where(Throttle.expires_at <= now)).rowcount
