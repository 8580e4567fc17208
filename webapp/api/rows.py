"""Turn rows into the JSON of a page: all at once, or piece by piece."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row

from ..queries.conditions import Selected
from ..queries.sqlite_json import MOST_ROWS, JsonRows, can_write, write_rows
from ..queries.wire import (
    FEW_ROWS,
    LONG_BYTES,
    SLICE_ROWS,
    Model,
    has_long_output,
    held_size,
    read_output,
    read_parts,
    read_slice,
    slice_rows,
    wire_columns,
)
from ..streams import cut
from .json import dumps
from .paging import Paging


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
        before = b'{"data":['
        start, n = 0, FEW_ROWS
        can_copy = not self.constants and can_write(connection, self.model, self.keys)
        # Where there was a long output, there may be another.
        copies = can_copy
        while some := ids[start : start + n]:
            written = self._copy(connection, some) if copies else None
            if written:
                parts, size = iter([cut(written.text)]), written.size
            else:
                rows = read_slice(connection, self.model, self.keys, some)
                parts, size = self._write_rows(connection, rows), held_size(rows)
                copies = can_copy and not has_long_output(rows)
            start += n
            n = slice_rows(len(some), size, MOST_ROWS if copies else SLICE_ROWS)
            for pieces in parts:
                yield before
                yield from pieces
                before = b","
        yield b'],"pagination":' + dumps(paging.to_dict()) + b"}\n"

    def _copy(self, connection: Connection, ids: list[int]) -> JsonRows | None:
        """Return rows as the database writes them; None where an output is too long for that."""
        written = write_rows(connection, self.model, self.keys, ids, LONG_BYTES)
        return written if written.text and written.longest <= LONG_BYTES else None

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
