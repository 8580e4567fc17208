"""Read and set the writer's own counters, within its transactions."""

from sqlalchemy import Connection, select
from sqlalchemy.dialects import postgresql, sqlite

from ..models import Counter, table_of


def get_counter(connection: Connection, name: str) -> int:
    """Return what a counter stands at; one that was never set stands at 0."""
    return connection.execute(select(Counter.value).where(Counter.name == name)).scalar() or 0


def set_counter(connection: Connection, name: str, value: int) -> None:
    """Set a counter."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = insert(table_of(Counter)).values(name=name, value=value)
    connection.execute(
        statement.on_conflict_do_update(index_elements=["name"], set_={"value": value})
    )
