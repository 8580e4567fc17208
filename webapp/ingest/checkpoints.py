"""Put SQLite's log of changes into their places beside the work of a writer.

By itself SQLite does so in the commit that fills the log: at ten million steps, where a batch of
20,000 changes as many pages, a third of the time of an import.
"""

import logging
import sqlite3
from typing import Any

from sqlalchemy import Engine

from .threads import Beside

# A log of more pages than this is not written on: it is emptied first, and begins anew. 512 MiB.
MOST_PAGES = 131_072

log = logging.getLogger(__name__)


class Checkpointer:
    """Puts what is committed into its places, in a thread; on PostgreSQL nothing."""

    def __init__(self, engine: Engine) -> None:
        """Work on the database of an engine."""
        self._engine = engine
        self._is_sqlite = engine.dialect.name == "sqlite"
        self._beside: Beside[int] = Beside("stepboard-checkpoint")
        self._n_pages = 0

    def begin(self) -> None:
        """Begin with what is committed by now, unless the last such work is still under way."""
        if self._is_sqlite and not self._beside.is_busy():
            self._wait()
            self._beside.begin(self._checkpoint)

    def make_room(self) -> None:
        """Wait where the log has grown too long, so that the next transaction begins it anew."""
        if self._n_pages > MOST_PAGES:
            self.finish()

    def finish(self) -> None:
        """Return when all that is committed is in its place, but for what readers hold back."""
        if self._is_sqlite:
            self._wait()
            self._n_pages = self._checkpoint()

    def _wait(self) -> None:
        n_pages = self._beside.wait()
        if n_pages is not None:
            self._n_pages = n_pages

    def _checkpoint(self) -> int:
        """Put changes into their places, beside readers and writers; return the log's pages.

        What goes wrong is left to whoever does it next: all changes are safe in the log.
        """
        with self._engine.connect() as connection:
            driver: Any = connection.connection.driver_connection
            try:
                row = driver.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            except sqlite3.Error as error:
                log.warning("changes were not put into their places: %s", error)
                return 0
        _is_busy, n_pages, _n_placed = row
        return int(n_pages)
