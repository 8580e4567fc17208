"""Turn rows into the JSON of a page: all at once, or piece by piece."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row

from ..queries.conditions import Selected
from ..queries.sqlite_json import can_write, slices, write_steps
from ..queries.wire import (
    FEW_ROWS,
    Model,
    read_output,
    read_parts,
    read_slice,
    slice_rows,
    wire_columns,
)
from ..streams import cut
from .json import dumps
from .paging import Paging

BEFORE_ROWS = b'{"data":['


def after_rows(paging: Paging) -> bytes:
    """Return what ends the JSON of a page."""
    return b'],"pagination":' + dumps(paging.to_dict()) + b"}\n"


class _TimeTexts(dict[Any, Any]):
    """The times of a page, as they are sent, by what the database keeps: many are the same."""

    def __missing__(self, kept: Any) -> Any:
        self[kept] = _time_text(kept)
        return self[kept]


@dataclass(frozen=True, slots=True)
class RowWriter:
    """Write rows of a model as objects of these keys, in this order.

    `constants` are the values of keys that all rows have alike.
    """

    model: Model
    keys: tuple[str, ...]
    constants: Mapping[str, Any] = field(default_factory=dict)

    def columns(self) -> Sequence[Selected]:
        """Return the columns to read: the id first, then those of the keys."""
        return wire_columns(self.model, self.keys)

    def to_dicts(self, rows: Sequence[Row[Any]]) -> list[dict[str, Any]]:
        """Return the rows as objects; a long output is None in them."""
        if not rows:
            return []
        texts = _TimeTexts()
        # The first of them is the id, again.
        values = iter(list(zip(*rows, strict=True))[1:])
        columns: list[Any] = []
        for key in self.keys:
            if key in self.constants:
                columns.append([self.constants[key]] * len(rows))
            elif key.endswith("_at"):
                columns.append([texts[value] for value in next(values)])
            else:
                columns.append(next(values))
        return [dict(zip(self.keys, row, strict=True)) for row in zip(*columns, strict=True)]

    def to_whole_dicts(
        self, connection: Connection, rows: Sequence[Row[Any]]
    ) -> list[dict[str, Any]]:
        """Return the rows as objects, long outputs too."""
        objects = self.to_dicts(rows)
        for row, one in zip(rows, objects, strict=True):
            if one.get("output", "") is None:
                one["output"] = read_output(connection, row[0])
        return objects

    def write_pieces(
        self, connection: Connection, ids: list[int], paging: Paging
    ) -> Iterator[bytes]:
        """Return the whole answer piece by piece, few rows at a time."""
        before = BEFORE_ROWS
        can_copy = not self.constants and can_write(connection.dialect, self.model, self.keys)
        parts = self._copy(connection, ids) if can_copy else self._write(connection, ids)
        for pieces in parts:
            yield before
            yield from pieces
            before = b","
        yield after_rows(paging)

    def _copy(self, connection: Connection, ids: list[int]) -> Iterator[Iterator[bytes]]:
        """Return the JSON of rows as the database writes it, but of those with a long output."""
        for some in slices(connection, self.keys, ids):
            if some.is_long:
                yield from self._write(connection, some.ids)
            else:
                yield cut(write_steps(connection, self.keys, some.ids))

    def _write(self, connection: Connection, ids: list[int]) -> Iterator[Iterator[bytes]]:
        """Return the JSON of rows that are read by slices."""
        start, n = 0, FEW_ROWS
        while some := ids[start : start + n]:
            rows = read_slice(connection, self.model, self.keys, some)
            start, n = start + n, slice_rows(rows)
            yield from self._write_rows(connection, rows)

    def _write_rows(
        self, connection: Connection, rows: Sequence[Row[Any]]
    ) -> Iterator[Iterator[bytes]]:
        """Return the JSON of rows: of many at once, but of each by itself with a long output."""
        short: list[dict[str, Any]] = []
        for row, one in zip(rows, self.to_dicts(rows), strict=True):
            if one.get("output", "") is not None:
                short.append(one)
                continue
            if short:
                yield cut(dumps(short)[1:-1])
                short = []
            yield _write_long(one, read_parts(connection, row[0]))
        if short:
            yield cut(dumps(short)[1:-1])


def _write_long(row: Mapping[str, Any], parts: Iterator[str]) -> Iterator[bytes]:
    """Return the JSON of a row whose output comes in parts."""
    keys = list(row)
    place = keys.index("output")
    start = dumps({key: row[key] for key in keys[:place]})[:-1]
    end = dumps({key: row[key] for key in keys[place + 1 :]})[1:]
    yield start + (b',"output":"' if place else b'"output":"')
    for part in parts:
        yield from cut(dumps(part)[1:-1])
    yield (b'",' if len(end) > 1 else b'"') + end


def _time_text(kept: Any) -> Any:
    """Return a time as it is sent; on SQLite from its text, without a detour by a datetime."""
    if not isinstance(kept, str):
        return kept
    is_whole = kept.endswith(".000000")
    return f"{kept[:10]}T{kept[11:19] if is_whole else kept[11:]}Z"
