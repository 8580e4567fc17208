"""Keep the table of step names: a text is looked up in it, not in all steps."""

from collections.abc import Iterable

from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from ..models import StepName, table_of


class StepNames:
    """The names that a writer knows to be in the table."""

    def __init__(self) -> None:
        """Begin with none."""
        self._known: set[str] = set()

    def write(self, connection: Connection, names: Iterable[str]) -> None:
        """Add those that are new, within the caller's transaction."""
        new = sorted(set(names) - self._known)
        if not new:
            return
        insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
        statement = insert(table_of(StepName)).on_conflict_do_nothing()
        connection.execute(statement, [{"name": name} for name in new])
        self._known.update(new)
