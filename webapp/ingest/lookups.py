"""Find the rows that a source has here already, by the source's own keys.

PostgreSQL chooses by what its statistics say, and of a source that they do not know yet it expects
one row: it would read all rows of the source to filter them by some keys, or, of a source that they
know, all others until the first of its own. So each key is looked up by itself, and the first row
is asked for in the order of the keys: both along the index of (source, key).
"""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Row,
    Select,
    Table,
    Text,
    bindparam,
    func,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY

from .bulk import KEYS_PER_QUERY

Columns = tuple[Column[Any], ...]


def has_rows(connection: Connection, table: Table, source_id: int) -> bool:
    """Tell whether a source has any row of a table."""
    first = select(table.c.id).where(table.c.source_id == source_id)
    return connection.execute(first.order_by(table.c.source_key).limit(1)).first() is not None


def find_by_keys(
    connection: Connection, columns: Columns, source_id: int, keys: Sequence[str]
) -> Iterator[Row[Any]]:
    """Yield these columns of those rows of a source that have one of the keys; in no order."""
    if connection.dialect.name == "postgresql":
        yield from connection.execute(_key_by_key(columns), {"source": source_id, "keys": keys})
        return
    for start in range(0, len(keys), KEYS_PER_QUERY):
        some = keys[start : start + KEYS_PER_QUERY]
        yield from connection.execute(_of_some_keys(columns), {"source": source_id, "keys": some})


@cache
def _of_some_keys(columns: Columns) -> Select[Any]:
    table = columns[0].table
    is_one = table.c.source_key.in_(bindparam("keys", expanding=True))
    return select(*columns).where(table.c.source_id == bindparam("source"), is_one)


@cache
def _key_by_key(columns: Columns) -> Select[Any]:
    table = columns[0].table
    given = func.unnest(bindparam("keys", type_=ARRAY(Text))).table_valued("key").render_derived()
    is_one = table.c.source_key == given.c.key
    source = bindparam("source", type_=BigInteger)
    # Without the limit the two would be joined in whatever way looks cheapest.
    row = select(*columns).where(table.c.source_id == source, is_one).limit(1).lateral()
    return select(row).select_from(given.join(row, true()))
