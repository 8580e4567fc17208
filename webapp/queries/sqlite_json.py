"""Let SQLite write the JSON of steps, many or few: at half the price of rows that Python writes."""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import orjson
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Dialect,
    Integer,
    Select,
    String,
    Subquery,
    Text,
    bindparam,
    case,
    func,
    literal_column,
    select,
    type_coerce,
)

from ..columns import UtcDateTime
from ..models import Step
from .conditions import Selected
from .plain import KEPT_STATEMENTS, fetch_again
from .wire import LONG_BYTES, SIZE, SLICE_BYTES, Model

# So many rows are written at once, where their texts are small.
MOST_ROWS = 1_000
# A page of no more rows is written by the statement that finds it; of 100 by a cursor one more is
# looked for. Escaped, its texts of so many bytes together can be six times as long.
MOST_WRITTEN = 101
WRITTEN_BYTES = 640 * 1024
# What tells how long a text of any length is; those of others are short.
_SIZES: dict[str, ColumnElement[int]] = {
    "output": Step.output_bytes.expression,
    "command": func.length(Step.command),
    "error": func.length(Step.error),
}
# Columns of these kinds are in JSON what they are in the database.
PLAIN = (String, Text, Integer, BigInteger)
# In the statement itself: each value that is bound costs as much as to write a few columns.
_SPACE_TO_T = ("' '", "'T'")
# The id as no answer has it.
_ROW_ID = "row_id"
# A time as RFC 3339 has it, with six zeros after its second.
_WHOLE_TIME = re.compile(rb'(_at":"[0-9T:-]{19})\.000000Z')


class Slice(NamedTuple):
    """Steps that can be written at once; or one alone, with an output too long for that."""

    ids: list[int]
    is_long: bool


class WrittenRows(NamedTuple):
    """The ids of the rows of a page, in their order, and the JSON of each."""

    ids: list[int]
    objects: list[bytes]


def can_write(dialect: Dialect, model: Model, keys: tuple[str, ...]) -> bool:
    """Tell whether this writes such rows: on SQLite, of columns that need no more than a copy."""
    return model is Step and dialect.name == "sqlite" and _are_plain(keys)


@lru_cache(KEPT_STATEMENTS)
def _are_plain(keys: tuple[str, ...]) -> bool:
    return all(isinstance(_kind(key), (*PLAIN, UtcDateTime)) for key in keys)


@lru_cache(KEPT_STATEMENTS)
def columns_to_write(keys: tuple[str, ...]) -> tuple[Selected, ...]:
    """Return the columns of the rows that `write_page` takes."""
    sizes = [_SIZES[key] for key in keys if key in _SIZES]
    size = sum(sizes, start=literal_column("0", Integer))
    is_short = size <= bindparam("longest", type_=BigInteger)
    shown = (case((is_short, _shown(key))) if key in _SIZES else _shown(key) for key in keys)
    columns = (column.label(key) for column, key in zip(shown, keys, strict=True))
    return Step.id.label(_ROW_ID), *columns, size.label(SIZE)


def write_page(
    rows: Select[Any], keys: tuple[str, ...], values: Mapping[str, Any]
) -> WrittenRows | None:
    """Write the rows of a statement of such columns; None where the texts of one are too long.

    `values` are those that the statement is run with, `limit` among them.
    """
    longest = WRITTEN_BYTES // values["limit"]
    found = fetch_again(_as_one(rows, keys), {**values, "longest": longest}).one()
    size, ids, objects = found
    if not ids:
        return WrittenRows([], [])
    if size > longest:
        return None
    return WrittenRows(orjson.loads(f"[{ids}]"), _cut_times(objects.encode()).split(b"\n"))


@lru_cache(KEPT_STATEMENTS)
def _as_one(rows: Select[Any], keys: tuple[str, ...]) -> Select[Any]:
    """Select the size of the longest row, the ids and the JSON of all as one, in their order."""
    found = rows.subquery()
    # A newline within an object is escaped.
    objects = func.group_concat(_object_of(found, keys), literal_column("char(10)"))
    return select(func.max(found.c[SIZE]), func.group_concat(found.c[_ROW_ID]), objects)


def slices(connection: Connection, keys: Sequence[str], ids: list[int]) -> Iterator[Slice]:
    """Part the ids, in their order, so that no slice holds much more than SLICE_BYTES of text."""
    for start in range(0, len(ids), MOST_ROWS):
        some = ids[start : start + MOST_ROWS]
        statement, values = _of_ids(_sizes, tuple(keys), some)
        # As two texts: a thousand rows would take longer than all else here.
        texts = connection.execute(statement, values).one()
        sizes = zip(*(orjson.loads(f"[{text}]") for text in texts), strict=True)
        held: list[int] = []
        n_held = 0
        for step_id, (output, others) in zip(some, sizes, strict=True):
            if held and (output > LONG_BYTES or n_held + output + others > SLICE_BYTES):
                yield Slice(held, False)
                held, n_held = [], 0
            if output > LONG_BYTES:
                yield Slice([step_id], True)
            else:
                held.append(step_id)
                n_held += output + others
        if held:
            yield Slice(held, False)


def write_steps(connection: Connection, keys: Sequence[str], ids: list[int]) -> bytes:
    """Write the steps of these ids, in their order, without the brackets of the list."""
    statement, values = _of_ids(_json, tuple(keys), ids)
    text = connection.execute(statement, values).scalar_one() or ""
    return _cut_times(text.encode())


def _cut_times(text: bytes) -> bytes:
    """Take the parts of a second away from times that have none; SQLite would take as long again.

    Within a string a quote has a backslash before it, so that only keys look so.
    """
    return _WHOLE_TIME.sub(rb"\1Z", text) if b".000000Z" in text else text


def _of_ids(build: Any, keys: tuple[str, ...], ids: list[int]) -> tuple[Select[Any], Any]:
    """Return a statement of these steps, in their order, and its values."""
    first, last = ids[0], ids[-1]
    step = -1 if last < first else 1
    # Their number first: between ids of other orders millions can lie.
    if abs(last - first) < len(ids) and ids == list(range(first, last + step, step)):
        values = {"first": min(first, last), "last": max(first, last)}
        return build(keys, step), values
    return build(keys, 0), {"ids": orjson.dumps(ids).decode()}


# Bounded: whoever asks may ask for each choice of fields once.
@lru_cache(KEPT_STATEMENTS)
def _sizes(keys: tuple[str, ...], step: int) -> Select[tuple[str, str]]:
    """Select the bytes of each output, and the length of each row's other texts."""
    texts = [func.length(getattr(Step, key)) for key in ("command", "error") if key in keys]
    output = Step.output_bytes if "output" in keys else literal_column("0")
    others = sum(texts, start=literal_column("0", Integer))
    rows = _rows([output.label("output"), others.label("others")], step).subquery()
    return select(func.group_concat(rows.c.output), func.group_concat(rows.c.others))


@lru_cache(KEPT_STATEMENTS)
def _json(keys: tuple[str, ...], step: int) -> Select[tuple[str]]:
    # They are put together in their order.
    rows = _rows([_shown(key).label(key) for key in keys], step).subquery()
    return select(func.group_concat(_object_of(rows, keys)))


def _object_of(rows: Subquery, keys: Sequence[str]) -> ColumnElement[str]:
    pairs = [part for key in keys for part in (literal_column(f"'{key}'"), rows.c[key])]
    return func.json_object(*pairs, type_=Text)


def _rows(columns: list[Any], step: int) -> Select[Any]:
    """Select from all ids between two, up or down, or with a step of 0 from those listed."""
    if not step:
        asked = func.json_each(bindparam("ids", type_=Text)).table_valued("key", "value")
        listed = select(*columns).join_from(asked, Step, Step.id == asked.c.value)
        return listed.order_by(asked.c.key)
    first, last = (bindparam(name, type_=BigInteger) for name in ("first", "last"))
    between = select(*columns).where(Step.id.between(first, last))
    # Upwards it goes anyway; said, the rows would be copied first.
    return between.order_by(Step.id.desc()) if step < 0 else between


def _shown(key: str) -> ColumnElement[Any]:
    column = getattr(Step, key)
    if isinstance(column.type, UtcDateTime):
        kept = func.replace(
            type_coerce(column, Text), *map(literal_column, _SPACE_TO_T), type_=Text
        )
        return kept.concat(literal_column("'Z'", Text))
    return type_coerce(column, column.type)


def _kind(key: str) -> Any:
    return getattr(getattr(Step, key, None), "type", None)
