"""Mend the kept counts while they are read and written."""

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, Engine

from ..models import Run, table_of
from .counters import get_counter, set_counter
from .locking import locked
from .recounting import Difference, Recount
from .step_counts import add_to_runs, add_up
from .step_directory import DIRECTORY, add_keys
from .versions import change_version

# With so many differences at once the lock is held for about a second.
BATCH_DIFFERENCES = 50_000
# Counts how often counts were mended.
COUNTER = "counts"


class _OvertakenError(Exception):
    """Raised when another rebuild has mended meanwhile what this one found."""


def rebuild_counts(engine: Engine) -> int:
    """Mend all kept counts that are wrong; return how many those were.

    Counting takes no lock. What it finds is added to the counts in one transaction, or, where
    very much is wrong, in several of BATCH_DIFFERENCES: a reader sees each count as it was or as
    it is right, and so does who comes after a crash.
    """
    n_mended = 0
    while True:
        try:
            for n in _Rebuild(engine).mend():
                n_mended += n
            return n_mended
        except _OvertakenError:
            continue


class _Rebuild:
    """Find differences and mend them, so long as no other rebuild does the same."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._recount = Recount(engine)
        with engine.connect() as connection:
            self._version = get_counter(connection, COUNTER)

    def mend(self) -> Iterator[int]:
        """Mend batch after batch; yield how many counts each mended."""
        found: list[Difference] = []
        for differences in self._recount:
            found += differences
            if len(found) >= BATCH_DIFFERENCES:
                yield self._mend(found)
                found = []
        if found:
            yield self._mend(found)

    def _mend(self, found: Sequence[Difference]) -> int:
        with locked(self._engine) as connection:
            if get_counter(connection, COUNTER) != self._version:
                raise _OvertakenError
            self._version += 1
            set_counter(connection, COUNTER, self._version)
            _add(connection, found)
            # Lists tell totals: whoever kept one must ask anew.
            change_version(connection)
        self._recount.forget()
        return len(found)


def _add(connection: Connection, found: Sequence[Difference]) -> None:
    """Add to each count what it lacks: the writer may have changed it since."""
    for table in dict.fromkeys(one.table for one in found):
        deltas = {one.key: one.counted - one.kept for one in found if one.table is table}
        if table is table_of(Run):
            add_to_runs(connection, deltas)
        elif table in DIRECTORY:
            add_keys(connection, table, deltas)
        else:
            add_up(connection, table, deltas)
