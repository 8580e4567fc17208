"""Read rows as they are sent to scripts: times as the database keeps them, long outputs by parts.

What is not asked for is not read: no output is, where only other keys are wanted.
"""

from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from typing import Any

import orjson
from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Connection,
    Integer,
    Row,
    Select,
    String,
    Text,
    bindparam,
    case,
    func,
    select,
)
from sqlalchemy import type_coerce as read_as
from sqlalchemy.types import TypeEngine

from ..columns import UtcDateTime
from ..extensions import db
from ..models import Run, Step
from .conditions import Selected
from .plain import KEPT_STATEMENTS

# More rows, or more outputs than these, do not stand in memory at once.
SLICE_ROWS = 250
# Of so many times as many ids in a row all are read.
DENSE = 1.2
HELD_BYTES = 4 * 1024 * 1024
# A longer output is not read with its row, but by parts of so many characters.
LONG_BYTES = 32 * 1024
PART_CHARACTERS = 256 * 1024
# So much is read at once, as far as the rows before tell, but a few rows at least.
SLICE_BYTES = 512 * 1024
FEW_ROWS = 20
# The size of an output, which no answer has by this name.
SIZE = "size_of_output"

Model = type[Step] | type[Run]


def wire_columns(model: Model, keys: Sequence[str]) -> tuple[Selected, ...]:
    """Return the columns of the keys that the model has; that of a long output is None.

    The id stands first, and SIZE last where an output is asked for. On SQLite a time is its text.
    """
    return _columns(model, tuple(keys), db.engine.dialect.name == "sqlite")


def is_large(rows: Sequence[Row[Any]]) -> bool:
    """Tell whether rows should be sent by parts, though they are few."""
    return sum(_sizes(rows)) > HELD_BYTES


def has_long_output(rows: Sequence[Row[Any]]) -> bool:
    """Tell whether an output is too long to have come with its row."""
    return max(_sizes(rows), default=0) > LONG_BYTES


def read_slice(
    connection: Connection, model: Model, keys: Sequence[str], ids: list[int]
) -> list[Row[Any]]:
    """Return the rows of these ids, in their order."""
    if not ids:
        return []
    is_sqlite = connection.dialect.name == "sqlite"
    columns = _columns(model, tuple(keys), is_sqlite)
    first, last = min(ids), max(ids)
    values: dict[str, Any]
    if last - first < len(ids) * DENSE:
        # To walk is faster than to look each of them up.
        statement, values = _between(model, columns), {"first": first, "last": last}
    else:
        given = orjson.dumps(ids).decode() if is_sqlite else ids
        statement, values = _listed(model, columns, is_sqlite), {"ids": given}
    found = {row[0]: row for row in connection.execute(statement, values).all()}
    return [found[one] for one in ids if one in found]


def slice_rows(rows: Sequence[Row[Any]]) -> int:
    """Return how many rows to read next, after these."""
    size = sum(min(one, LONG_BYTES) for one in _sizes(rows))
    return min(max(SLICE_BYTES * len(rows) // (size + 1), FEW_ROWS), SLICE_ROWS)


def read_output(connection: Connection, step_id: int) -> str:
    """Return an output at once."""
    statement = select(Step.output).where(Step.id == step_id)
    return connection.execute(statement).scalar_one()


def read_parts(connection: Connection, step_id: int) -> Iterator[str]:
    """Return an output part by part; to be read in one transaction."""
    start = 1
    while part := connection.execute(_part(), {"of": step_id, "start": start}).scalar():
        yield part
        start += PART_CHARACTERS


def _sizes(rows: Sequence[Row[Any]]) -> list[int]:
    """Return the sizes of the outputs that rows have, or would have if these were short."""
    has_sizes = bool(rows) and rows[0]._fields[-1] == SIZE
    return [row[-1] for row in rows] if has_sizes else []


# Bounded: whoever asks may ask for each choice of fields once.
@lru_cache(KEPT_STATEMENTS)
def _columns(model: Model, keys: tuple[str, ...], is_sqlite: bool) -> tuple[Selected, ...]:
    columns: list[Selected] = [model.id.label("row_id")]
    for key in keys:
        column = getattr(model, key, None)
        if column is Step.output:
            column = case((Step.output_bytes <= LONG_BYTES, Step.output)).label(key)
        elif column is not None and is_sqlite and isinstance(column.type, UtcDateTime):
            column = read_as(column, String).label(key)
        if column is not None:
            columns.append(column)
    if model is Step and "output" in keys:
        columns.append(Step.output_bytes.label(SIZE))
    return tuple(columns)


@lru_cache(KEPT_STATEMENTS)
def _between(model: Model, columns: tuple[Selected, ...]) -> Select[Any]:
    first, last = (bindparam(name, type_=BigInteger) for name in ("first", "last"))
    return select(*columns).where(model.id.between(first, last))


@lru_cache(KEPT_STATEMENTS)
def _listed(model: Model, columns: tuple[Selected, ...], is_sqlite: bool) -> Select[Any]:
    # As one value: SQLAlchemy writes a list of them into each statement anew.
    kind: TypeEngine[Any] = Text() if is_sqlite else ARRAY(BigInteger)
    ids = bindparam("ids", type_=kind)
    are_asked: ColumnElement[bool] = model.id == func.any(ids)
    if is_sqlite:
        are_asked = model.id.in_(select(func.json_each(ids).table_valued("value").c.value))
    return select(*columns).where(are_asked)


@cache
def _part() -> Select[tuple[str]]:
    part = func.substr(Step.output, bindparam("start", type_=Integer), PART_CHARACTERS)
    return select(part).where(Step.id == bindparam("of", type_=BigInteger))
