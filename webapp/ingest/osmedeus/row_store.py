"""Keep the rows of a base in a file while it is imported, so that they need no memory.

The rows, without their texts, are read once, of one moment, before the logs: whatever the engine
adds meanwhile, the line of a row is in its log. To read the rows a second time, run by run, would
show another moment, and Osmedeus has no index of a run's rows.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from typing import Self

from ..errors import SourceError
from .database import SourceRow, SourceRun
from .step_records import STATUSES
from .times import SECOND

ROWS_PER_INSERT = 50
# SQLite makes the file where SQLITE_TMPDIR or TMPDIR says, by default in /var/tmp, and takes its
# name away at once: an import that is killed leaves nothing behind.
SCHEMA = """
    PRAGMA temp_store = FILE;
    PRAGMA temp.journal_mode = OFF;
    PRAGMA temp.cache_size = -8192;
    CREATE TEMP TABLE step (
        rowid INTEGER PRIMARY KEY, key TEXT, run INTEGER, hint TEXT, name TEXT, step_type TEXT,
        status TEXT, duration_ms INTEGER, digest INTEGER, started_at INTEGER,
        completed_at INTEGER, why TEXT
    );
    CREATE TEMP TABLE said (digest INTEGER, at INTEGER, PRIMARY KEY (digest, at)) WITHOUT ROWID;
    BEGIN;
"""
# Several rows by one statement take half of the time.
INSERT = "INSERT INTO step VALUES "
ROW = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
NO_ID = "no id"
TWIN = "an id that another step has"
# Of rows with the same id, the first that can be imported is kept.
HAS_TWINS = "SELECT 1 FROM step WHERE key <> '' GROUP BY key HAVING count(*) > 1 LIMIT 1"
MARK_TWINS = """
    UPDATE step SET why = ? WHERE key <> '' AND rowid > (
        SELECT min(kept.rowid) FROM step AS kept WHERE kept.key = step.key AND kept.why IS NULL)
"""
REST = "name, step_type, status, duration_ms, digest, started_at, completed_at FROM step"
OF_RUN = f"SELECT rowid, key, :key, :key, {REST} WHERE run = :run AND why IS NULL ORDER BY rowid"
ORPHANS = f"""
    SELECT rowid, key, NULL, hint, {REST} WHERE run IS NULL AND why IS NULL
    ORDER BY hint, coalesce(completed_at, 0), rowid
"""
# Two moments whose seconds are the same or side by side are less than two seconds apart.
SAID = f"""
    SELECT rowid, run, CASE status WHEN 'failed' THEN status ELSE '' END, duration_ms, digest,
        started_at, completed_at
    FROM step WHERE digest IN (SELECT digest FROM said) AND why IS NULL AND EXISTS (
        SELECT 1 FROM said WHERE said.digest = step.digest
        AND said.at BETWEEN completed_at - {2 * SECOND} AND completed_at + {2 * SECOND}
    ) ORDER BY rowid
"""
KEPT_OUT = "SELECT why, count(*) FROM step WHERE why <> '' GROUP BY why ORDER BY min(rowid)"


class RowStore:
    """The rows of step_results as they were at one moment; a context manager.

    What goes wrong with its file, such as a full disk, raises SourceError.
    """

    def __init__(self) -> None:
        """Make an empty store."""
        self._connection = sqlite3.connect(":memory:", isolation_level=None)
        self._run_keys: list[str] = []
        self._number_of: dict[str, int] = {}

    def __enter__(self) -> Self:
        """Return the store."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close and remove the file."""
        self._connection.close()

    def fill(self, runs: Sequence[SourceRun], rows: Iterable[SourceRow]) -> None:
        """Take the rows of these runs, once; find out which of them cannot be imported."""
        self._run_keys = [run.key for run in runs]
        self._number_of = {key: number for number, key in enumerate(self._run_keys)}
        with _explained():
            self._connection.executescript(SCHEMA)
        values = map(self._values, rows)
        while batch := list(islice(values, ROWS_PER_INSERT)):
            with _explained():
                statement = INSERT + ", ".join([ROW] * len(batch))
                self._connection.execute(statement, list(chain.from_iterable(batch)))
        with _explained():
            if self._connection.execute(HAS_TWINS).fetchone():
                self._connection.execute("CREATE INDEX temp.of_key ON step (key, why)")
                self._connection.execute(MARK_TWINS, (TWIN,))
            self._connection.execute("CREATE INDEX temp.of_run ON step (run) WHERE why IS NULL")

    def _values(self, row: SourceRow) -> tuple[object, ...]:
        run = None if row.run_key is None else self._number_of[row.run_key]
        why = None
        if not row.key:
            why = NO_ID
        elif row.status not in STATUSES:
            why = f"unknown status {row.status[:40]!r}"
        hint = row.run_hint if run is None else None
        return (row.rowid, row.key, run, hint, *row[4:], why)

    def count(self) -> int:
        """Return how many rows there are, those that cannot be imported too."""
        with _explained():
            n: int = self._connection.execute("SELECT count(*) FROM step").fetchone()[0]
        return n

    def count_kept_out(self) -> dict[str, int]:
        """Return why rows cannot be imported, and how many each; the first such row first."""
        with _explained():
            return dict(self._connection.execute(KEPT_OUT).fetchall())

    def find_of_run(self, run_key: str) -> list[SourceRow]:
        """Return the rows of a run that can be imported, as they were written."""
        names = {"key": run_key, "run": self._number_of[run_key]}
        with _explained():
            return list(map(SourceRow._make, self._connection.execute(OF_RUN, names)))

    def find_orphans(self) -> Iterator[SourceRow]:
        """Yield the rows whose run is gone, by what they say of it, then by their ends."""
        with _explained():
            yield from map(SourceRow._make, self._connection.execute(ORPHANS))

    def find_said(self, said: Iterable[tuple[int, int]]) -> Iterator[SourceRow]:
        """Yield the rows that a line can be, by what lines say: (digest, moment).

        They have the digest of one, and an end in its second or one beside it. Of them only what
        tells whether they are the same is filled in: there may be very many.
        """
        with _explained():
            self._connection.execute("CREATE INDEX IF NOT EXISTS temp.of_digest ON step (digest)")
            self._connection.execute("DELETE FROM said")
            self._connection.executemany("INSERT OR IGNORE INTO said VALUES (?, ?)", said)
            for rowid, run, *rest in self._connection.execute(SAID):
                key = None if run is None else self._run_keys[run]
                yield SourceRow(rowid, "", key, "", "", "", *rest)


@contextmanager
def _explained() -> Iterator[None]:
    """Tell of an error of the file: it is none of the base."""
    try:
        yield
    except sqlite3.Error as error:
        raise SourceError(
            f"The rows of the base cannot be kept in a temporary file ({error}); "
            "nothing more was imported. Set SQLITE_TMPDIR to a folder with room, and import again."
        ) from error
