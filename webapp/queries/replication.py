"""Ask PostgreSQL how far its log of changes has come, on the primary and on a replica.

A position counts the bytes since the cluster was made; it only grows, and a replica that has
played a position back has every change before it.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnClause,
    Connection,
    cast,
    func,
    literal_column,
    text,
    update,
)

from ..models import User

_START: ColumnClause[Any] = literal_column("'0/0'::pg_lsn")


def find_flushed(connection: Connection) -> int:
    """Return the position up to which the primary has all that was committed."""
    return int(connection.execute(text(_FLUSHED)).scalar_one())


def find_inserted(connection: Connection) -> int:
    """Return the position of the primary's very last change, be it committed or not."""
    return int(connection.execute(text(_INSERTED)).scalar_one())


def find_replayed(connection: Connection) -> int | None:
    """Return the position that a replica has played back; None of one that takes writes itself."""
    found = connection.execute(text(_REPLAYED)).scalar_one()
    return None if found is None else int(found)


def find_cluster(connection: Connection) -> int:
    """Return the number that a primary and all its replicas have in common."""
    system = text("SELECT system_identifier FROM pg_control_system()")
    return int(connection.execute(system).scalar_one())


def note_write(connection: Connection, user_id: int) -> None:
    """Note with a user how far the log has come, so that their own writes are seen by them."""
    inserted = func.pg_current_wal_insert_lsn().op("-")(_START)
    statement = update(User).where(User.id == user_id)
    connection.execute(statement.values(written_to=cast(inserted, BigInteger)))


_FLUSHED = "SELECT pg_current_wal_flush_lsn() - '0/0'"
_INSERTED = "SELECT pg_current_wal_insert_lsn() - '0/0'"
_REPLAYED = "SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() - '0/0' END"
