"""Find rows that refer to others that are not there, which no key of PostgreSQL's keeps out."""

from collections.abc import Iterator

from sqlalchemy import ColumnElement, Select, Table, select


def select_dangling(
    table: Table, *conditions: ColumnElement[bool]
) -> Iterator[Select[tuple[object]]]:
    """Yield a statement for each reference of a table, which selects a row that it fails."""
    for key in sorted(table.foreign_keys, key=str):
        referred = key.column.table.alias()
        is_there = select(1).where(referred.c[key.column.name] == key.parent).exists()
        yield select(*table.primary_key.columns).where(*conditions, ~is_there).limit(1)
