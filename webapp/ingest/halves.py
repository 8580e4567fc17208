"""Insert the new steps of a batch into PostgreSQL as two halves, through two connections at once.

PostgreSQL works at a COPY with one processor, and that is most of what an import waits for.

Each half is a transaction with the counts of its own rows, so that each is right without the other.
The second is committed after the first, and nobody else writes between the two (see `locking`), so
that rows are seen in the order of their ids.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from sqlalchemy import Connection, Engine
from sqlalchemy.pool import QueuePool

from .locking import writing
from .new_steps import NewSteps
from .threads import Beside

# A batch of fewer is not worth another transaction.
LEAST_ROWS = 4_000
# An import has a third connection for what it reads meanwhile, and one to spare.
LEAST_POOL = 4


@contextmanager
def second_connection(engine: Engine, n_rows: int) -> Iterator[Connection | None]:
    """Yield a connection for the second half of a batch; None where it is better written whole."""
    pool = engine.pool
    has_room = isinstance(pool, QueuePool) and pool.size() >= LEAST_POOL
    if engine.dialect.name != "postgresql" or n_rows < LEAST_ROWS or not has_room:
        yield None
        return
    with writing(engine) as connection:
        yield connection


def can_be_halved(steps: NewSteps) -> bool:
    """Tell whether two transactions can insert them at once.

    Not where a key is in them twice: the second would wait for the end of the first to see whether
    the key stays, and the first for the second, of which PostgreSQL knows nothing.
    """
    return len(steps) >= LEAST_ROWS and not steps.has_twins()


def insert_both(
    connection: Connection, first: NewSteps, other: Connection, second: NewSteps
) -> None:
    """Insert both halves at once; return when both are there, each in its own transaction."""
    beside: Beside[None] = Beside("stepboard-second-half")
    beside.begin(partial(second.insert, other))
    try:
        first.insert(connection)
    finally:
        beside.wait()
