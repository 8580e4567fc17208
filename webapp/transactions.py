"""Begin transactions that write: one that waits for its turn, and one that never waits."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection

from .database import BUSY_TIMEOUT_MS
from .extensions import db


@contextmanager
def writing() -> Iterator[None]:
    """Run a block in a transaction of the session that may write, and commit it.

    SQLite takes its lock at the start, as it refuses a writer who has read before another one
    wrote. What the session held is read anew.
    """
    db.session.rollback()
    db.session.connection(execution_options={"immediate": True})
    try:
        yield
        db.session.commit()
    finally:
        db.session.rollback()


@contextmanager
def impatient_connection() -> Iterator[Connection]:
    """Yield a connection, its transaction to be committed, that fails rather than waits."""
    with db.engine.connect() as connection:
        is_sqlite = connection.dialect.name == "sqlite"
        if not is_sqlite:
            connection.exec_driver_sql("SET LOCAL lock_timeout = '50ms'")
            yield connection
            connection.commit()
            return
        connection.exec_driver_sql("PRAGMA busy_timeout = 0")
        try:
            yield connection
            connection.commit()
        finally:
            # The next one who gets this connection is patient.
            connection.rollback()
            connection.exec_driver_sql(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
