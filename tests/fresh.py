"""Make the PostgreSQL database of a test as good as new: emptied, if the last test left it whole.

To make one from a template takes ten times as long, and there are many tests.
"""

from sqlalchemy import create_engine, insert, text
from sqlalchemy.exc import DBAPIError

from webapp.database import needed_revision
from webapp.models import Base, Role, User, table_of

NAME = "test_stepboard"
TEMPLATE = "template_stepboard"
OTHERS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid != pg_backend_pid()"
SEQUENCES = "SELECT setval(format('%I', sequencename)::regclass, 1, false) FROM pg_sequences"
# Of tables that grew large, rows that are only deleted would be walked by all later tests.
LARGE_BYTES = 1_000_000


class FreshDatabases:
    """Makes the database of one test after the other; keeps a connection to empty it by."""

    def __init__(self, parameters: str, password_hash: str) -> None:
        """Begin with none, in a cluster that has the template."""
        self._parameters = parameters
        self._admin = {"username": "admin", "password_hash": password_hash, "role": Role.ADMIN}
        self._url = f"postgresql+psycopg:///{NAME}?{parameters}"
        self._engine = create_engine(self._url, pool_pre_ping=True)

    def make(self) -> str:
        """Return the URL of a database with the tables and a user named admin."""
        if not self._empty():
            self.end()
            _make(self._parameters)
        return self._url

    def end(self) -> None:
        """Let the connection go."""
        self._engine.dispose()

    def _empty(self) -> bool:
        """Empty the database; return False if there is none, or its tables are not those needed."""
        try:
            with self._engine.begin() as connection:
                # No test leaves another revision; those that change more have their own.
                revisions = connection.execute(text("SELECT version_num FROM alembic_version"))
                if revisions.scalars().all() != [needed_revision()]:
                    return False
                connection.execute(EMPTYING)
                connection.execute(insert(table_of(User)), {**self._admin, "is_active": True})
            return True
        except DBAPIError:
            return False


def _emptying() -> str:
    """Return all that empties the database, to be sent at once."""
    names = [table.name for table in reversed(Base.metadata.sorted_tables)]
    sizes = " + ".join(f"pg_table_size('{name}')" for name in names)
    deletes = " ".join(f"DELETE FROM {name};" for name in names)
    return f"""
        {OTHERS} AND datname = '{NAME}';
        DO $$ BEGIN
            IF {sizes} > {LARGE_BYTES} THEN
                TRUNCATE {", ".join(names)};
            ELSE
                {deletes}
            END IF;
        END $$;
        {SEQUENCES};
    """


EMPTYING = text(_emptying())


def _make(parameters: str) -> None:
    engine = create_engine(
        f"postgresql+psycopg:///postgres?{parameters}", isolation_level="AUTOCOMMIT"
    )
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)"))
        connection.execute(text(f"CREATE DATABASE {NAME} TEMPLATE {TEMPLATE}"))
    engine.dispose()
