"""Hold the one lock of all that write steps and their counts."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from sqlalchemy import Connection, Engine, func, select

from ..database import USUAL_CACHE, USUAL_CHECKPOINT_BYTES, USUAL_LOG_BYTES, page_bytes
from .bulk import told_as_by_sqlalchemy

# Any number will do, so long as every writer on one PostgreSQL takes the same.
ADVISORY_LOCK = 7_783_412
# Held by a transaction that writes beside the one with the lock, which may be lost before it.
LOCK_BESIDE = 7_783_413
FOR_WRITING = """
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET LOCAL statement_timeout = 0;
SET LOCAL lock_timeout = 0;
SET LOCAL idle_in_transaction_session_timeout = 0
"""
# Who writes once has so much of the database at hand.
WRITING_CACHE = -65_536
# A commit that leaves so many bytes of changes puts them into their places, unless a writer has
# that done beside.
WRITING_CHECKPOINT_BYTES = 64 * 1024 * 1024
# The file of the log is written again and again: not cut meanwhile.
WRITING_LOG_BYTES = -1


@contextmanager
def locked(engine: Engine) -> Iterator[Connection]:
    """Yield a transaction under the one write lock.

    On SQLite a commit that leaves many pages in the log puts them into their places.
    """
    with writing(engine) as connection, begun(connection):
        yield connection


@contextmanager
def writing(
    engine: Engine, cache: int = WRITING_CACHE, checkpoint_bytes: int = WRITING_CHECKPOINT_BYTES
) -> Iterator[Connection]:
    """Yield a connection for transactions that write much, with a cache of its own on SQLite.

    `cache` is as in SQLite's `cache_size`; with `checkpoint_bytes` at 0 no commit puts anything
    into its place.
    """
    with engine.connect().execution_options(immediate=True) as connection:
        if connection.dialect.name == "postgresql":
            yield connection
            return
        driver: Any = connection.connection.driver_connection
        with told_as_by_sqlalchemy(connection, "PRAGMA ..."):
            _set_sizes(driver, cache, checkpoint_bytes, WRITING_LOG_BYTES)
        try:
            yield connection
        finally:
            # What the block raised is what matters.
            with suppress(sqlite3.Error):
                _set_sizes(driver, USUAL_CACHE, USUAL_CHECKPOINT_BYTES, USUAL_LOG_BYTES)


@contextmanager
def begun(connection: Connection) -> Iterator[None]:
    """Hold the lock for a transaction: `BEGIN IMMEDIATE`, an advisory lock on PostgreSQL."""
    with connection.begin():
        if connection.dialect.name == "postgresql":
            set_for_writing(connection)
            connection.execute(select(func.pg_advisory_xact_lock(ADVISORY_LOCK)))
            # Of a writer before, whose connection was lost, half a batch may be under way still.
            beside = func.pg_advisory_lock(LOCK_BESIDE), func.pg_advisory_unlock(LOCK_BESIDE)
            connection.execute(select(*beside))
        yield


def set_for_writing(connection: Connection) -> None:
    """Begin a transaction of PostgreSQL so that it sees what others have committed meanwhile.

    Nor does it end for lasting long: what is set for requests, or for all of a role, is not for who
    waits for a writer, or counts ten million rows.
    """
    connection.exec_driver_sql(FOR_WRITING)


def _set_sizes(driver: Any, cache: int, checkpoint_bytes: int, log_bytes: int) -> None:
    """Say how much a connection of SQLite keeps of its pages, and how much of its log."""
    driver.execute(f"PRAGMA cache_size = {cache}")
    driver.execute(f"PRAGMA wal_autocheckpoint = {checkpoint_bytes // page_bytes(driver)}")
    driver.execute(f"PRAGMA journal_size_limit = {log_bytes}")
