"""Let SQLite write the JSON of many rows: at half the price of rows that Python writes."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import orjson
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Integer,
    Select,
    String,
    Text,
    bindparam,
    case,
    func,
    literal_column,
    select,
    type_coerce,
)

from ..columns import UtcDateTime
from ..models import Run, Step
from .counts import KEPT_STATEMENTS

Model = type[Step] | type[Run]
# So many rows are written at once, where their outputs are small.
MOST_ROWS = 1_000
# Columns of these kinds are in JSON what they are in the database.
PLAIN = (String, Text, Integer, BigInteger)
# A time as RFC 3339 has it, with six zeros after its second.
_WHOLE_TIME = re.compile(rb'(_at":"[0-9T:-]{19})\.000000Z')


class JsonRows(NamedTuple):
    """The JSON of rows, without the brackets of the list, and how large their outputs are.

    `size` is the sum of those that are not too long to be written, `longest` the longest of all.
    """

    text: bytes
    size: int
    longest: int


def can_write(connection: Connection, model: Model, keys: Sequence[str]) -> bool:
    """Tell whether this writes such rows: on SQLite, of columns that need no more than a copy."""
    return connection.dialect.name == "sqlite" and all(_is_plain(model, key) for key in keys)


def write_rows(
    connection: Connection, model: Model, keys: Sequence[str], ids: list[int], most: int
) -> JsonRows:
    """Write the rows of these ids, in their order; an output of more than `most` bytes is null."""
    first, last = ids[0], ids[-1]
    is_whole = abs(last - first) + 1 == len(ids)
    statement = _statement(model, tuple(keys), is_whole, last < first)
    values: dict[str, Any] = {"most": most}
    if is_whole:
        # Ids come in order or not at all, so these are all between.
        values |= {"first": min(first, last), "last": max(first, last)}
    else:
        values["ids"] = orjson.dumps(ids).decode()
    text, size, longest = connection.execute(statement, values).one()
    return JsonRows(_cut_times((text or "").encode()), size or 0, longest or 0)


def _cut_times(text: bytes) -> bytes:
    """Take the parts of a second away from times that have none; SQLite would take as long again.

    Within a string a quote has a backslash before it, so that only keys look so.
    """
    return _WHOLE_TIME.sub(rb"\1Z", text) if b".000000Z" in text else text


def _is_plain(model: Model, key: str) -> bool:
    kind = getattr(getattr(model, key, None), "type", None)
    return isinstance(kind, (*PLAIN, UtcDateTime))


# Bounded: whoever asks may ask for each choice of fields once.
@lru_cache(KEPT_STATEMENTS)
def _statement(
    model: Model, keys: tuple[str, ...], is_whole: bool, is_descending: bool
) -> Select[tuple[str, int, int]]:
    most = bindparam("most", type_=Integer)
    has_output = "output" in keys
    columns = [_shown(model, key, most).label(key) for key in keys]
    size = Step.output_bytes.label("size_of_output") if has_output else literal_column("0")
    rows = select(*columns, size.label("size_of_output"))
    if is_whole:
        first, last = (bindparam(name, type_=BigInteger) for name in ("first", "last"))
        rows = rows.where(model.id.between(first, last))
        # Upwards it goes anyway; said, the rows would be copied first.
        rows = rows.order_by(model.id.desc()) if is_descending else rows
    else:
        asked = func.json_each(bindparam("ids", type_=Text)).table_valued("key", "value")
        rows = rows.join_from(asked, model, model.id == asked.c.value).order_by(asked.c.key)
    # They are put together in their order.
    of_rows = rows.subquery()
    pairs = [part for key in keys for part in (literal_column(f"'{key}'"), of_rows.c[key])]
    n = of_rows.c.size_of_output
    return select(
        func.group_concat(func.json_object(*pairs)),
        func.sum(case((n <= most, n), else_=0)),
        func.max(n),
    )


def _shown(model: Model, key: str, most: Any) -> ColumnElement[Any]:
    column = getattr(model, key)
    if column is Step.output:
        return case((Step.output_bytes <= most, Step.output))
    if isinstance(column.type, UtcDateTime):
        kept = func.replace(type_coerce(column, Text), " ", "T", type_=Text)
        return kept.concat(literal_column("'Z'", Text))
    return type_coerce(column, column.type)
