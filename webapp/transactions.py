"""Begin transactions that write: one that waits for its turn, and one that never waits.

Tell too when the wait was too long.
"""

import logging
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from flask import current_app
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError

from .config import Settings
from .database import SQLITE_PRIMARY, USUAL_CACHE, first_line_of
from .extensions import db
from .models import Step, table_of
from .queries.state import forget_state

BUSY = "The database is busy: an import is writing. Try again."
GONE = "The database cannot be reached. Try again."
FULL = "Too many requests use the database at once. Try again."
TOO_SLOW = "The database took too long to answer. Try again."
# PostgreSQL's codes of a lock that was not free, of two transactions that waited for each other, of
# a replica's statement that was in the way of changes, and of one that ran into the time limit.
STATES = {"55P03": BUSY, "40P01": BUSY, "40001": BUSY, "57014": TOO_SLOW}
# Those of a server that shuts down, starts up or cannot be reached, and of one that is full.
GONE_STATES = ("57P", "08", "53300")
# Kibibytes, as SQLite writes them.
STREAM_CACHE = -1_024
_logger = logging.getLogger(__name__)
SQLITE_CODES = {
    sqlite3.SQLITE_BUSY: BUSY,
    sqlite3.SQLITE_LOCKED: BUSY,
    sqlite3.SQLITE_INTERRUPT: TOO_SLOW,
}


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


def begin_snapshot() -> None:
    """Let the session see one moment from here on, as one of SQLite does by itself.

    On PostgreSQL, what the session held is read anew.
    """
    if db.engine.dialect.name == "postgresql":
        db.session.rollback()
        forget_state()
        history_connection(execution_options={"isolation_level": "REPEATABLE READ"})


def history_connection(**options: Any) -> Connection:
    """Return the session's connection to the database that it reads what ran from."""
    return db.session.connection(bind_arguments={"clause": table_of(Step)}, **options)


def keep_connection() -> tuple[Connection, Callable[[], None]]:
    """Let the session's connection outlast the request, in its transaction.

    Return it, and what ends it; the request has another session from here on.
    """
    session = db.session()
    connection = history_connection()
    db.session.registry.clear()
    is_sqlite = connection.dialect.name == "sqlite"
    if is_sqlite:
        # What is read once, and much of it, need not be kept.
        connection.exec_driver_sql(f"PRAGMA cache_size = {STREAM_CACHE}")

    def end() -> None:
        try:
            if is_sqlite:
                connection.exec_driver_sql(f"PRAGMA cache_size = {USUAL_CACHE}")
            session.close()
        except SQLAlchemyError as error:
            reason = first_line_of(error) if isinstance(error, DBAPIError) else str(error)
            _logger.info("a connection was lost: %s", reason)
            session.invalidate()

    return connection, end


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
            patience: Settings = current_app.config["SETTINGS"]
            connection.exec_driver_sql(f"PRAGMA busy_timeout = {patience.busy_timeout_ms}")


def why_try_again(error: DBAPIError) -> str:
    """Return what to say when a statement failed that may go well in a moment, else nothing."""
    if isinstance(error.orig, sqlite3.OperationalError):
        return SQLITE_CODES.get(error.orig.sqlite_errorcode & SQLITE_PRIMARY, "")
    # SQLite's errors have none; PostgreSQL's driver, not loaded for SQLite, takes 9 MB of a worker.
    state: str | None = getattr(error.orig, "sqlstate", "")
    # Of a connection that could not be made, or broke, there is no code.
    is_unreachable = isinstance(error, OperationalError) and state is None
    state = state or ""
    if error.connection_invalidated or is_unreachable or state.startswith(GONE_STATES):
        return GONE
    return STATES.get(state, "")
