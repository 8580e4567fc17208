"""Route what a request reads to a replica, where one was chosen, and all else to the primary."""

from typing import Any

from flask_sqlalchemy.session import Session
from sqlalchemy import Column, Connection, Engine, Table
from sqlalchemy.orm import SessionTransaction
from sqlalchemy.sql import visitors
from sqlalchemy.sql.dml import UpdateBase
from sqlalchemy.sql.visitors import ExternallyTraversible

from .models import Base, counts, history

# The name of the replica's engine in Flask-SQLAlchemy.
REPLICA = "replica"
# What may be a moment old: what ran, and its counts. Users, sessions, tokens, throttles and the
# audit are not of these: what is revoked must be so at once.
REPLICATED = frozenset(
    table.name
    for mapper in Base.registry.mappers
    if mapper.class_.__module__ in (history.__name__, counts.__name__)
    for table in mapper.tables
    if isinstance(table, Table)
)


class RoutedSession(Session):
    """A session that reads what ran from the replica, once `reads_replica` says so.

    It begins with the primary, and a statement that names any other table stays there.
    """

    reads_replica = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Begin with no connection."""
        super().__init__(*args, **kwargs)
        self._kept: dict[bool, tuple[SessionTransaction | None, Connection]] = {}

    def reading_connection(self, clause: Any) -> Connection:
        """Return the connection for a statement; it is kept until the transaction at hand ends.

        To ask `connection` for it each time takes half as long as to run a short statement.
        """
        reads_replica = self.reads_replica and _may_be_old(clause)
        transaction, connection = self._kept.get(reads_replica, (None, None))
        if connection is None or transaction is not self.get_transaction():
            connection = self.connection({"clause": clause})
            self._kept[reads_replica] = (self.get_transaction(), connection)
        return connection

    def get_bind(
        self,
        mapper: Any | None = None,
        clause: Any | None = None,
        bind: Engine | Connection | None = None,
        **kwargs: Any,
    ) -> Engine | Connection:
        """Return the engine for a statement; without one, that of the primary."""
        if self.reads_replica and bind is None and _may_be_old(clause):
            return self._db.engines[REPLICA]
        return super().get_bind(mapper=mapper, clause=clause, bind=bind, **kwargs)


def _may_be_old(clause: Any | None) -> bool:
    is_read = clause is not None and not isinstance(clause, UpdateBase)
    return is_read and names_only_replicated(clause)


def names_only_replicated(clause: Any) -> bool:
    """Tell whether all tables that a statement names may be a moment old; a text names none."""
    names = {table.name for table in map(_table_of, visitors.iterate(clause)) if table is not None}
    return bool(names) and names <= REPLICATED


def _table_of(element: ExternallyTraversible) -> Table | None:
    found = element.table if isinstance(element, Column) else element
    return found if isinstance(found, Table) else None
