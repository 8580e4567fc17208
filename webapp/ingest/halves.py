"""Insert the new steps of a batch into PostgreSQL through two connections at once.

PostgreSQL works at a COPY with one processor, and that is most of what an import waits for.

Beside the transaction that holds the write lock, another one inserts the first half, with the
counts of its rows, and is committed first. So each is right without the other, rows are seen in the
order of their ids, and nobody else writes before both have ended.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial

from sqlalchemy import Connection, Engine, func, select
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import QueuePool

from ..transactions import BUSY, why_try_again
from .locking import LOCK_BESIDE, set_for_writing
from .new_steps import NewSteps
from .threads import Beside

# Of fewer it is not worth another transaction.
LEAST_ROWS = 4_000
# An import has a third connection for what it reads meanwhile, and one to spare.
LEAST_POOL = 4
# Each half waits for the other, of which PostgreSQL knows nothing: somebody who waits for one of
# them, and whom the other waits for, to change a table say, would keep all three for ever.
MOST_WAIT = "2s"

log = logging.getLogger(__name__)

KeepUp = Callable[[Connection, NewSteps], None]


class Halving:
    """Inserts new steps by halves where it can; once that went wrong, whole."""

    def __init__(self, engine: Engine) -> None:
        """Halve for this engine, if it is PostgreSQL's and has connections enough."""
        self._engine = engine
        has_room = isinstance(engine.pool, QueuePool) and engine.pool.size() >= LEAST_POOL
        self._is_on = engine.dialect.name == "postgresql" and has_room

    def insert(self, connection: Connection, new: NewSteps, keep_up: KeepUp) -> NewSteps:
        """Insert new steps; return those that have yet to be counted in the transaction at hand.

        That of a first half is committed by then; `keep_up` counts its steps in it.
        """
        if self._can_halve(new):
            with self._begun_beside(connection) as other:
                if other is not None:
                    first, second = new.halves()
                    # Should the transaction at hand be lost, the first half is right all the same.
                    first.check_references(other)
                    insert_both(other, first, connection, second)
                    keep_up(other, first)
                    return second
        new.insert(connection)
        return new

    def _can_halve(self, new: NewSteps) -> bool:
        """Tell whether two transactions can insert these steps at once.

        Not where a key is in them twice: one would wait for the other's end to see if it stays.
        """
        return self._is_on and len(new) >= LEAST_ROWS and not new.has_twins()

    @contextmanager
    def _begun_beside(self, connection: Connection) -> Iterator[Connection | None]:
        """Yield another transaction; None where there is no connection for it.

        Until it is committed neither of the two waits long for a lock.
        """
        other = self._connect()
        if other is None:
            yield None
            return
        with other, other.begin():
            set_for_writing(other)
            other.execute(select(func.pg_advisory_xact_lock(LOCK_BESIDE)))
            # It answers, so nobody else has got the write lock: who does waits for the other one.
            for one in (connection, other):
                one.exec_driver_sql(f"SET LOCAL lock_timeout = '{MOST_WAIT}'")
            yield other
        connection.exec_driver_sql("SET LOCAL lock_timeout = 0")

    def gives_up_after(self, error: DBAPIError) -> bool:
        """Stop halving if an error may be of halves that waited for a lock; tell whether it is so.

        Both are taken back by it.
        """
        gives_up = self._is_on and why_try_again(error) == BUSY
        if gives_up:
            self._stop("somebody else holds a lock")
        return gives_up

    def _connect(self) -> Connection | None:
        try:
            return self._engine.connect()
        except (PoolTimeout, OperationalError):
            self._stop("there is no second connection")
            return None

    def _stop(self, why: str) -> None:
        self._is_on = False
        log.info("batches are written whole from here on: %s", why)


def insert_both(
    of_first: Connection, first: NewSteps, of_second: Connection, second: NewSteps
) -> None:
    """Insert both halves at once; return when both are there, each in its own transaction.

    Of two errors the first half's is raised.
    """
    beside: Beside[None] = Beside("stepboard-second-half")
    try:
        beside.begin(partial(second.insert, of_second))
    except RuntimeError:
        # No more threads, or Python is ending.
        first.insert(of_first)
        second.insert(of_second)
        return
    try:
        first.insert(of_first)
    except BaseException:
        # The other connection is the thread's until that ends.
        with suppress(Exception):
            beside.wait()
        raise
    beside.wait()
