"""Insert many rows by the driver itself: what SQLAlchemy adds costs as much as the insert."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Dialect, Table, insert


def insert_rows(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows; each has the same columns, and all that the table has no default for."""
    if not rows:
        return
    names = list(rows[0])
    statement = insert(table).compile(dialect=connection.dialect, column_keys=names)
    ordered = statement.positiontup or names
    columns = [_column(connection.dialect, table, name, rows) for name in ordered]
    values: Any = zip(*columns, strict=True)
    if not statement.positional:
        values = (dict(zip(ordered, row, strict=True)) for row in values)
    connection.exec_driver_sql(str(statement), list(values))


def _column(
    dialect: Dialect, table: Table, name: str, rows: Sequence[Mapping[str, Any]]
) -> list[Any]:
    """Return the values of one column as the driver takes them."""
    process = table.c[name].type.dialect_impl(dialect).bind_processor(dialect)
    if process is None:
        return [row[name] for row in rows]
    return [process(row[name]) for row in rows]
