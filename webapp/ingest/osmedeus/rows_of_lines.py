"""Note which row each line of a log is, in some 20 bytes a line; pure."""

from array import array
from collections.abc import Iterator
from typing import NamedTuple

from .database import SourceRow

NO_ROW = -1
NO_TIME = -(2**63)


class RowOfLine(NamedTuple):
    """What the lines around it need to know of a line's row."""

    rowid: int
    run_key: str | None
    completed_at: int | None


class RowsOfLines:
    """The rows of one log's lines, by event."""

    def __init__(self, n_events: int) -> None:
        """Begin with no row for any of so many events."""
        self._runs = array("i", [NO_ROW]) * n_events
        self._rowids = array("q", [0]) * n_events
        self._ends = array("q", [NO_TIME]) * n_events
        self._keys: list[str | None] = []
        self._number_of: dict[str | None, int] = {}
        self._n_rows = 0

    def add(self, index: int, row: SourceRow) -> None:
        """Note the row of an event that has none yet."""
        number = self._number_of.setdefault(row.run_key, len(self._keys))
        if number == len(self._keys):
            self._keys.append(row.run_key)
        self._runs[index] = number
        self._rowids[index] = row.rowid
        if row.completed_at is not None:
            self._ends[index] = row.completed_at
        self._n_rows += 1

    def __len__(self) -> int:
        """Return how many events have a row."""
        return self._n_rows

    def __contains__(self, index: int) -> bool:
        """Tell whether an event has a row."""
        return self._runs[index] != NO_ROW

    def get(self, index: int) -> RowOfLine | None:
        """Return what is known of the row of an event, or None."""
        number = self._runs[index]
        if number == NO_ROW:
            return None
        end = self._ends[index]
        return RowOfLine(self._rowids[index], self._keys[number], None if end == NO_TIME else end)

    def run_keys(self) -> Iterator[str]:
        """Yield the keys of the runs that have rows here, by the first line of each."""
        for number in dict.fromkeys(self._runs):
            key = None if number == NO_ROW else self._keys[number]
            if key is not None:
                yield key
