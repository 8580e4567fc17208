"""Set the database engine up, and tell whether the database fits this version."""

import logging
import sqlite3
import time
from functools import cache
from itertools import count
from typing import Any

from alembic import command
from alembic.config import Config as AlembicConfig
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Flask, current_app, has_request_context
from flask_migrate import upgrade
from sqlalchemy import Column, Connection, Engine, Index, event, inspect, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.schema import SchemaItem

from .config import PROJECT, Settings
from .extensions import db
from .measuring import TimedConnection
from .routing import REPLICA

# How many of SQLite's instructions go by between two looks at the clock: some 0.1 ms.
LOOK_AT_CLOCK = 20_000
# What SQLite keeps of its pages for each connection: 1 MiB, as it writes them. The system's own
# cache has the rest.
USUAL_CACHE = -1_024
# How large its pages are in a new file; one that is there keeps its own, of 4 KiB mostly. Rows that
# go to places all over an index are cheaper to write in few large pages. See docs/performance.md.
PAGE_BYTES = 8_192
# Its log of changes is put into their places when it has so many bytes.
USUAL_CHECKPOINT_BYTES = 32 * 1024 * 1024
# The file of the log is cut to so much when it begins anew, an import having made it larger.
USUAL_LOG_BYTES = 64 * 1024 * 1024
# Who writes outside of a request waits so long for SQLite's lock: it goes to who finds it free, not
# to who came first, and others may write batch after batch.
PATIENCE_S = 60.0
PAUSE_S = 0.005
# The bits of SQLite's codes that tell which error it is; those above tell more.
SQLITE_PRIMARY = 0xFF
# A request waits no longer for one of PostgreSQL's connections.
POOL_TIMEOUT_S = 5
# Nor for a server of PostgreSQL that does not answer, unless DATABASE_URL says how long.
CONNECT_TIMEOUT_S = 5
# The same of a replica; the least that PostgreSQL's library takes.
REPLICA_TIMEOUT_S = 2
_logger = logging.getLogger(__name__)


class DatabaseVersionError(RuntimeError):
    """Raised for a database that another version of Stepboard made."""


def engine_options(settings: Settings, url: str = "") -> dict[str, Any]:
    """Return what SQLAlchemy's create_engine needs for the database of the settings, or a replica.

    Values stay out of its error messages: a log is no place for what steps printed.
    """
    if settings.database_url.startswith("sqlite"):
        wait_s = settings.busy_timeout_ms / 1000
        connect_args: dict[str, Any] = {"timeout": wait_s, "factory": TimedConnection}
        return {"hide_parameters": True, "connect_args": connect_args}
    options = f"-c statement_timeout={settings.statement_timeout_ms} -c timezone=UTC"
    given = make_url(url or settings.database_url).query.get("connect_timeout", CONNECT_TIMEOUT_S)
    return {
        "hide_parameters": True,
        "connect_args": {"options": options, "connect_timeout": given},
        "pool_pre_ping": True,
        "pool_size": settings.pool_size,
        "max_overflow": 0,
        "pool_timeout": POOL_TIMEOUT_S,
    }


def bind_options(settings: Settings) -> dict[str, dict[str, Any]]:
    """Return Flask-SQLAlchemy's options of the replica, if there is one.

    It is given up sooner than the primary, which can do its work.
    """
    if not settings.replica_url:
        return {}
    options = engine_options(settings, settings.replica_url)
    given = make_url(settings.replica_url).query
    options["connect_args"].setdefault("tcp_user_timeout", REPLICA_TIMEOUT_S * 1000)
    if "connect_timeout" not in given:
        options["connect_args"]["connect_timeout"] = REPLICA_TIMEOUT_S
    # Each request asks it how far it is, which tells as well whether the connection lives.
    return {REPLICA: {"url": settings.replica_url, **options, "pool_pre_ping": False}}


def init_engine(app: Flask, settings: Settings) -> None:
    """Give every SQLite connection its pragmas, explicit transactions and a time limit."""
    app.teardown_appcontext(_let_go)
    with app.app_context():
        if db.engine.dialect.name == "sqlite":
            set_up_sqlite(db.engine)
            _limit_statements(db.engine, settings.statement_timeout_ms / 1000)


def set_up_sqlite(engine: Engine) -> None:
    """Give every connection of an SQLite engine its pragmas, and explicit transactions."""
    event.listen(engine, "connect", _set_pragmas)
    event.listen(engine, "begin", _begin)


def _let_go(_: BaseException | None) -> None:
    """End the session; where its connection is lost, throw that away.

    Else Flask-SQLAlchemy's own end of the session fails, and with it an answer that is made.
    """
    try:
        db.session.remove()
    except DBAPIError as error:
        current_app.logger.info("a connection was lost: %s", first_line_of(error))
        db.session().invalidate()
        db.session.remove()


def _limit_statements(engine: Engine, most_s: float) -> None:
    """End what a request asks of SQLite when it takes too long, as PostgreSQL does by itself.

    What a command asks, an import say, may take as long as it needs.
    """

    def begin(
        connection: Connection, _cursor: Any, _text: str, _values: Any, _context: Any, _many: bool
    ) -> None:
        driver = connection.connection.driver_connection
        assert driver is not None
        if not has_request_context():
            driver.set_progress_handler(None, 0)
            return
        end = time.monotonic() + most_s
        driver.set_progress_handler(lambda: time.monotonic() > end, LOOK_AT_CLOCK)

    event.listen(engine, "before_cursor_execute", begin)


def _set_pragmas(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    # Without this the driver opens transactions by itself, and later than a SELECT needs.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        f"page_size = {PAGE_BYTES}",
        "journal_mode = WAL",
        "synchronous = NORMAL",
        "foreign_keys = ON",
        "temp_store = MEMORY",
        f"cache_size = {USUAL_CACHE}",
        f"journal_size_limit = {USUAL_LOG_BYTES}",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    n_pages = USUAL_CHECKPOINT_BYTES // page_bytes(connection)
    cursor.execute(f"PRAGMA wal_autocheckpoint = {n_pages}")
    cursor.close()


def page_bytes(driver: Any) -> int:
    """Return how large the pages of an SQLite file are."""
    return int(driver.execute("PRAGMA page_size").fetchone()[0])


def _begin(connection: Connection) -> None:
    options = connection.get_execution_options()
    if not options.get("immediate"):
        connection.exec_driver_sql("BEGIN")
        return
    # A writer takes the lock at once: one that reads first may find that it cannot write.
    is_patient = options.get("patient", not has_request_context())
    end = time.monotonic() + (PATIENCE_S if is_patient else 0)
    for number in count():
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            return
        except OperationalError as error:
            if not _is_locked(error) or time.monotonic() >= end:
                raise
        if number == 0:
            _logger.info("waiting for the lock of SQLite, which another writer has")
        # Between two tries, each as long as a request waits, Python sees that it is interrupted.
        time.sleep(PAUSE_S)


def _is_locked(error: OperationalError) -> bool:
    """Tell whether another writer has SQLite's lock."""
    code = getattr(error.orig, "sqlite_errorcode", 0)
    return code & SQLITE_PRIMARY == sqlite3.SQLITE_BUSY


def find_versions() -> tuple[str | None, str | None]:
    """Return the revision that the database has and the one that this version needs."""
    with db.engine.connect() as connection:
        return find_revision(connection), needed_revision()


def find_revision(connection: Connection) -> str | None:
    """Return the revision that a database has, if it has one."""
    return MigrationContext.configure(connection).get_current_revision()


def needed_revision() -> str | None:
    """Return the revision that this version needs."""
    return _scripts().get_current_head()


def check_version() -> None:
    """Raise DatabaseVersionError, saying which command to run, unless the database fits."""
    found, needed = find_versions()
    if found == needed:
        return
    if found is not None and not is_known(found):
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

    An index that PostgreSQL keeps with what is empty first is read back as another one, SQLite's of
    expressions are not read back, and some items are of one engine alone.
    """
    if one.info.get("engine", db.engine.dialect.name) != db.engine.dialect.name:
        return False
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


def make_tables(connection: Connection) -> None:
    """Make all tables in an empty database, within the connection's transaction."""
    config = _scripts_config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def is_known(revision: str) -> bool:
    """Tell whether this version of Stepboard knows a revision of the database."""
    return any(script.revision == revision for script in _scripts().walk_revisions())


@cache
def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_scripts_config())


def _scripts_config() -> AlembicConfig:
    config = AlembicConfig()
    config.set_main_option("script_location", str(PROJECT / "migrations").replace("%", "%%"))
    return config
