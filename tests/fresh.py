"""Make the PostgreSQL database of a test as good as new: emptied, if the last test left it whole.

To make one from a template takes five times as long, and there are many tests.
"""

from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, insert, select, text
from sqlalchemy.exc import DBAPIError

from webapp.config import PROJECT
from webapp.models import Base, Role, User, table_of

MIGRATIONS = str(PROJECT / "migrations")
NAME = "test_stepboard"
TEMPLATE = "template_stepboard"
OTHERS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid != pg_backend_pid()"
SEQUENCES = "SELECT setval(format('%I', sequencename)::regclass, 1, false) FROM pg_sequences"


def make_fresh(parameters: str, password_hash: str) -> str:
    """Return the URL of a database with the tables and a user named admin."""
    url = f"postgresql+psycopg:///{NAME}?{parameters}"
    if not _empty(url, password_hash):
        _make(parameters)
    return url


def _empty(url: str, password_hash: str) -> bool:
    """Empty the database; return False if there is none, or its tables are not those needed."""
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            if not _is_whole(connection):
                return False
            connection.execute(text(f"{OTHERS} AND datname = '{NAME}'"))
            for table in reversed(Base.metadata.sorted_tables):
                connection.execute(table.delete())
            connection.execute(text(SEQUENCES))
            admin = {"username": "admin", "password_hash": password_hash, "role": Role.ADMIN}
            connection.execute(insert(table_of(User)), {**admin, "is_active": True})
        return True
    except DBAPIError:
        return False
    finally:
        engine.dispose()


def _is_whole(connection: Connection) -> bool:
    """Tell whether no test has changed the revision; those that change more have their own."""
    found = connection.execute(select(text("version_num")).select_from(text("alembic_version")))
    return found.scalars().all() == [ScriptDirectory(MIGRATIONS).get_current_head()]


def _make(parameters: str) -> None:
    engine = create_engine(
        f"postgresql+psycopg:///postgres?{parameters}", isolation_level="AUTOCOMMIT"
    )
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)"))
        connection.execute(text(f"CREATE DATABASE {NAME} TEMPLATE {TEMPLATE}"))
    engine.dispose()
