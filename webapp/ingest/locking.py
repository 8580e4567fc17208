"""Hold the one lock of all that write steps and their counts."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from sqlalchemy import Connection, Engine, func, select

from ..database import USUAL_CACHE, USUAL_CHECKPOINT
from .bulk import told_as_by_sqlalchemy

# Any number will do, so long as every writer on one PostgreSQL takes the same.
ADVISORY_LOCK = 7_783_412
# A batch goes into thirteen indexes, of which it keeps so much at hand; its changes are put into
# their places by the first batch that ends with so many pages of them. See docs/performance.md.
WRITING_CACHE, WRITING_CHECKPOINT = -65_536, 16_384


@contextmanager
def locked(engine: Engine) -> Iterator[Connection]:
    """Yield a transaction: `BEGIN IMMEDIATE` on SQLite, an advisory lock on PostgreSQL."""
    with engine.connect().execution_options(immediate=True) as connection:
        if connection.dialect.name == "postgresql":
            with connection.begin():
                # That of requests is not for who waits for a writer, or counts ten million rows.
                connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
                connection.execute(select(func.pg_advisory_xact_lock(ADVISORY_LOCK)))
                yield connection
            return
        driver: Any = connection.connection.driver_connection
        with told_as_by_sqlalchemy(connection, "PRAGMA ..."):
            _set_sizes(driver, WRITING_CACHE, WRITING_CHECKPOINT)
        try:
            with connection.begin():
                yield connection
        finally:
            # What the block raised is what matters.
            with suppress(sqlite3.Error):
                _set_sizes(driver, USUAL_CACHE, USUAL_CHECKPOINT)


def _set_sizes(driver: Any, cache: int, checkpoint: int) -> None:
    """Say how much a connection of SQLite keeps of its pages, and how much of its log."""
    driver.execute(f"PRAGMA cache_size = {cache}")
    driver.execute(f"PRAGMA wal_autocheckpoint = {checkpoint}")
