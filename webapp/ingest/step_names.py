"""Keep the table of step names: a text is looked up in it, not in all steps."""

from collections.abc import Iterable

from sqlalchemy import Connection

from ..models import StepName, table_of
from .bulk import new_upsert, upsert_rows


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
        statement = new_upsert(connection, table_of(StepName)).on_conflict_do_nothing()
        upsert_rows(connection, statement, ["name"], [(name,) for name in new])
        self._known.update(new)
