"""Answer with one page of rows: at once where it is small, else piece by piece."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from flask import Response, request
from sqlalchemy import Row

from ..filters import ListFilters
from ..places import keep_place
from ..queries.conditions import Selected
from ..queries.sqlite_json import WrittenRows
from ..queries.wire import SLICE_ROWS, has_long_output, is_large, read_slice
from ..streams import Stream
from ..transactions import begin_snapshot, history_connection, keep_connection
from .asking import Asked, write_cursor
from .json import JSON_TYPE, list_response, with_links
from .paging import Paging
from .rows import BEFORE_ROWS, RowWriter, after_rows

# So far off, to walk there costs as much as to count, which has to be done in any case.
FAR = 50_000


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list: what is asked, how it is found and counted, and how its rows look.

    `find_rows`, `find_ids` and `write_rows` take how many to find, the same ones; the last returns
    None where it leaves that to the others.
    """

    asked: Asked[ListFilters]
    writer: RowWriter
    find_rows: Callable[[int, Sequence[Selected]], Sequence[Row[Any]]]
    find_ids: Callable[[int], Sequence[int]]
    count: Callable[[], int]
    write_rows: Callable[[int], WrittenRows | None] | None = None

    def answer(self) -> Response:
        """Return the page; one of many rows, or of long outputs, is read while it is sent."""
        if self._is_beyond():
            return self._answer_at_once([])
        if self._most <= SLICE_ROWS:
            if self.write_rows and (written := self.write_rows(self._most)):
                return self._answer_written(written)
            rows = self.find_rows(self._most, self.writer.columns())
            if not is_large(rows) and not has_long_output(rows):
                return self._answer_at_once(rows)
        # A long output is read after its row, and both must be of one moment.
        begin_snapshot()
        ids = list(self.find_ids(self._most))
        if len(ids) <= SLICE_ROWS:
            rows = read_slice(history_connection(), self.writer.model, self.writer.keys, ids)
            if not is_large(rows):
                return self._answer_at_once(rows)
        return self._stream(ids)

    def _is_beyond(self) -> bool:
        """Tell whether the page lies far off, and beyond the end."""
        offset = self.asked.filters.offset
        return offset >= FAR and offset >= self.count()

    @property
    def _most(self) -> int:
        """Return how many rows to look for: one more tells whether there is a next page."""
        return self.asked.filters.limit + (self.asked.cursor is not None)

    def _answer_written(self, written: WrittenRows) -> Response:
        paging = self._paging(written.ids)
        shown = b",".join(written.objects[: self.asked.filters.limit])
        body = BEFORE_ROWS + shown + after_rows(paging)
        return with_links(Response(body, mimetype=JSON_TYPE), paging)

    def _answer_at_once(self, rows: Sequence[Row[Any]]) -> Response:
        paging = self._paging([row[0] for row in rows])
        shown = rows[: self.asked.filters.limit]
        data = self.writer.to_whole_dicts(history_connection(), shown)
        return list_response(data, paging)

    def _stream(self, ids: list[int]) -> Response:
        paging = self._paging(ids)
        shown = ids[: self.asked.filters.limit]
        if request.method == "HEAD":
            return with_links(Response(iter(()), mimetype=JSON_TYPE), paging)
        with ExitStack() as held:
            held.callback(keep_place())
            connection, end_connection = keep_connection()
            held.callback(end_connection)
            free = held.pop_all().close
        stream = Stream(self.writer.write_pieces(connection, shown, paging), free)
        response = Response(stream, mimetype=JSON_TYPE)
        response.call_on_close(stream.close)
        return with_links(response, paging)

    def _paging(self, ids: Sequence[int]) -> Paging:
        filters, cursor = self.asked.filters, self.asked.cursor
        next_cursor = None
        if cursor is not None:
            shown = ids[: filters.limit]
            last_id = shown[-1] if shown else cursor.after_id
            is_more = len(ids) > filters.limit
            next_cursor = write_cursor(filters, last_id) if is_more else ""
        return Paging(self.count(), filters.offset, filters.limit, next_cursor)
