"""Keep the connection of a writer, and put SQLite's log of changes into their places beside it.

The connection keeps what it has read from one transaction to the next: of ten million steps each
batch reads and changes as many pages as it has rows, mostly those of the batch before.

By itself SQLite puts changes into their places in the commit that fills the log: a third of the
time of an import.

Before 3.51.3 SQLite can lose what is committed at the very moment when a checkpoint of a log that
is all in its place is begun. So none is begun here unless something was committed since the last.
"""

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from ..database import page_bytes
from .bulk import references_unchecked
from .locking import begun, writing
from .threads import Beside

# A batch goes into thirteen indexes, of which so many KiB are kept at hand; only what was read or
# changed takes memory. See docs/performance.md.
BULK_CACHE = -131_072
# A log of more bytes than this is not written on: it is emptied first, and begins anew.
MOST_LOG_BYTES = 512 * 1024 * 1024

log = logging.getLogger(__name__)


class Checkpointer:
    """Begins one writer's transactions, and puts into its place what they commit, in a thread.

    On PostgreSQL there is nothing to put. SQLite's connection is kept until `finish`.

    What goes wrong is logged, and left to the next time: all changes are safe in the log. Another
    writer, or somebody who reads for long, can keep the log from beginning anew; then it grows.
    """

    def __init__(self, engine: Engine) -> None:
        """Work on the database of an engine."""
        self._engine = engine
        self._is_sqlite = engine.dialect.name == "sqlite"
        self._beside: Beside[None] = Beside("stepboard-checkpoint")
        self._kept = ExitStack()
        self._connection: Connection | None = None
        # Whether something was committed that no checkpoint has begun with.
        self._is_due = False
        # Of the log when the last one ended, and whether all of it is in its place.
        self._n_bytes = 0
        self._are_all_placed = True

    @contextmanager
    def locked(self, is_unchecked: bool = False) -> Iterator[Connection]:
        """Yield a transaction under the one write lock; what it changes is put into its place.

        If it is unchecked, the block has to check references: see `check_references`.
        """
        self._make_room()
        with (
            self._connected() as connection,
            references_unchecked(connection) if is_unchecked else nullcontext(),
            begun(connection),
        ):
            driver: Any = connection.connection.driver_connection
            n_before = driver.total_changes if self._is_sqlite else 0
            yield connection
            is_changed = self._is_sqlite and driver.total_changes != n_before
        if is_changed:
            self._begin()

    def finish(self) -> None:
        """Return when all that was committed is in its place, but for what readers hold back."""
        try:
            self._place_all()
        finally:
            self._connection = None
            self._kept.close()

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        if not self._is_sqlite:
            # PostgreSQL's has no cache of its own, and one that was lost meanwhile is replaced.
            with writing(self._engine) as connection:
                yield connection
            return
        if self._connection is None:
            self._connection = self._kept.enter_context(writing(self._engine, BULK_CACHE, 0))
            # Nobody has it after this one: it is closed.
            self._kept.callback(self._connection.invalidate)
        yield self._connection

    def _place_all(self) -> None:
        self._beside.wait()
        if self._is_due or not self._are_all_placed:
            self._start()
            self._beside.wait()
        if self._are_all_placed:
            self._n_bytes = 0

    def _begin(self) -> None:
        """After a commit: begin to put it into its place, unless an earlier one still is."""
        self._is_due = self._is_sqlite
        if self._is_due and not self._beside.is_busy():
            self._beside.wait()
            self._start()

    def _make_room(self) -> None:
        """Before a transaction: where the log has grown too long, wait until all is in its place.

        The transaction then begins the log anew.
        """
        if self._n_bytes > MOST_LOG_BYTES:
            self._place_all()

    def _start(self) -> None:
        self._is_due = False
        try:
            self._beside.begin(self._checkpoint)
        except RuntimeError as error:
            # No more threads, or Python is ending.
            self._leave(error)

    def _checkpoint(self) -> None:
        """Put changes into their places; readers and writers go on meanwhile."""
        try:
            with self._engine.connect() as connection:
                driver: Any = connection.connection.driver_connection
                row = driver.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
                bytes_each = page_bytes(driver)
        except (sqlite3.Error, SQLAlchemyError) as error:
            self._leave(error)
            return
        is_busy, n_pages, n_placed = row
        if is_busy:
            # Somebody else does so at this moment, perhaps without the last commit.
            self._is_due, self._are_all_placed = True, False
            return
        self._n_bytes, self._are_all_placed = n_pages * bytes_each, n_placed == n_pages

    def _leave(self, error: Exception) -> None:
        self._is_due, self._are_all_placed = True, False
        said, _, _ = str(error).partition("\n")
        log.warning("changes are not in their places yet: %s", said)
