"""Set the database engine up, and tell whether the database fits this version."""

from functools import cache
from typing import Any

from alembic.config import Config as AlembicConfig
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import Column, Connection, Index, event, inspect
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.schema import SchemaItem

from .config import PROJECT, Settings
from .extensions import db

BUSY_TIMEOUT_MS = 5_000


class DatabaseVersionError(RuntimeError):
    """Raised for a database that another version of Stepboard made."""


def engine_options(settings: Settings) -> dict[str, Any]:
    """Return what SQLAlchemy's create_engine needs for the database of the settings.

    Values stay out of its error messages: a log is no place for what steps printed.
    """
    if settings.database_url.startswith("sqlite"):
        return {"hide_parameters": True, "connect_args": {"timeout": BUSY_TIMEOUT_MS / 1000}}
    timeout = f"-c statement_timeout={settings.statement_timeout_ms} -c timezone=UTC"
    connect_args = {"options": timeout}
    return {"hide_parameters": True, "pool_pre_ping": True, "connect_args": connect_args}


def init_engine(app: Flask) -> None:
    """Give every SQLite connection its pragmas and explicit transactions."""
    with app.app_context():
        if db.engine.dialect.name == "sqlite":
            event.listen(db.engine, "connect", _set_pragmas)
            event.listen(db.engine, "begin", _begin)


def _set_pragmas(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    # Without this the driver opens transactions by itself, and later than a SELECT needs.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        "journal_mode = WAL",
        "synchronous = NORMAL",
        "foreign_keys = ON",
        "temp_store = MEMORY",
        "cache_size = -16384",
        "wal_autocheckpoint = 8192",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    # A writer takes the lock at once: one that reads first may find that it cannot write.
    is_writer = connection.get_execution_options().get("immediate")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writer else "BEGIN")


def find_versions() -> tuple[str | None, str | None]:
    """Return the revision that the database has and the one that this version needs."""
    needed = _scripts().get_current_head()
    with db.engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision(), needed


def check_version() -> None:
    """Raise DatabaseVersionError, saying which command to run, unless the database fits."""
    found, needed = find_versions()
    if found == needed:
        return
    if found is not None and not _is_known(found):
        raise DatabaseVersionError(
            f"The database is at revision {found}, which this version of Stepboard does not know: "
            "a newer version made it. Install that version."
        )
    raise DatabaseVersionError(
        f"The database is at revision {found or 'none'}, this version needs {needed}: "
        "run 'flask db upgrade' (after a backup)."
    )


def is_compared(one: SchemaItem, _name: str | None, kind: str, *_: object) -> bool:
    """Tell whether a database and the models can be compared in this.

    An index that PostgreSQL keeps with what is empty first is read back as another one.
    """
    if kind != "index":
        return True
    assert isinstance(one, Index)
    return not one.dialect_kwargs.get("postgresql_ops") and all(
        isinstance(expression, Column) for expression in one.expressions
    )


def prepare_database() -> None:
    """Make the tables in an empty database; raise DatabaseVersionError if one does not fit."""
    if not inspect(db.engine).get_table_names():
        upgrade_database()
    check_version()


def first_line_of(error: DBAPIError) -> str:
    """Return the first line of what the database said, which never holds a password."""
    return (str(error.orig).strip().splitlines() or ["no reason given"])[0]


def upgrade_database() -> None:
    """Bring the database to the revision that this version needs."""
    upgrade()


def _is_known(revision: str) -> bool:
    return any(script.revision == revision for script in _scripts().walk_revisions())


@cache
def _scripts() -> ScriptDirectory:
    config = AlembicConfig()
    config.set_main_option("script_location", str(PROJECT / "migrations").replace("%", "%%"))
    return ScriptDirectory.from_config(config)
