"""Hold the one lock of all that write steps and their counts."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, func, select

# Any number will do, so long as every writer on one PostgreSQL takes the same.
ADVISORY_LOCK = 7_783_412


@contextmanager
def locked(engine: Engine) -> Iterator[Connection]:
    """Yield a transaction: `BEGIN IMMEDIATE` on SQLite, an advisory lock on PostgreSQL."""
    with engine.execution_options(immediate=True).begin() as connection:
        if connection.dialect.name == "postgresql":
            # That of requests is not for who waits for a writer, or counts ten million rows.
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
            connection.execute(select(func.pg_advisory_xact_lock(ADVISORY_LOCK)))
        yield connection
