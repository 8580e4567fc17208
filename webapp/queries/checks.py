"""Ask the database how it is, and hold a sample of what is kept against what is there."""

import random
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, select, text, update

from ..columns import utc_now
from ..extensions import db
from ..models import (
    BLOCK_SIZE,
    TOTAL_BLOCK,
    BlockCount,
    Counter,
    Role,
    Session,
    Source,
    Step,
    StepCount,
    User,
    select_part,
    table_of,
)
from .references import select_dangling
from .step_parts import PARTS

# Of all blocks of step ids so many are counted again: each has up to 16,384 steps.
SAMPLED_BLOCKS = 3


def find_version() -> str:
    """Return name and version of the database's engine."""
    is_sqlite = db.engine.dialect.name == "sqlite"
    version = "SELECT sqlite_version()" if is_sqlite else "SHOW server_version"
    found = db.session.execute(text(version)).scalar_one()
    return f"{'SQLite' if is_sqlite else 'PostgreSQL'} {found}"


def find_journal_mode() -> str:
    """Return how SQLite keeps what is not in its file yet."""
    return str(db.session.execute(text("PRAGMA journal_mode")).scalar_one())


def find_damage() -> str:
    """Return the first damage that SQLite's quick check finds; an empty text for none."""
    found = str(db.session.execute(text("PRAGMA quick_check(1)")).scalar_one())
    return "" if found == "ok" else found


def try_to_write() -> None:
    """Begin to write, and undo it; raise the DBAPIError of a database that takes nothing."""
    options = {"immediate": True, "patient": False}
    with db.engine.execution_options(**options).connect() as connection:
        connection.execute(update(Counter).where(Counter.name == "").values(value=Counter.value))
        connection.rollback()


def find_miscounts() -> list[str]:
    """Return what of the kept counts does not agree with the steps, or with other counts.

    Only a sample of the steps is counted; the sums are compared as a whole.
    """
    with db.engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            # As SQLite by itself: else an import between two statements looks like a miscount.
            connection.execution_options(isolation_level="REPEATABLE READ")
        return list(_find_miscounts(connection))


def find_dangling() -> list[str]:
    """Return where, in a sample of the steps, some are of a run or a source that is not there."""
    with db.engine.connect() as connection:
        return [
            f"the steps {block * BLOCK_SIZE:,} and up"
            for block in _sample_blocks(connection)
            if any(
                connection.execute(dangling).first()
                for dangling in select_dangling(table_of(Step), _is_in(block))
            )
        ]


def has_active_admin() -> bool:
    """Tell whether anybody may sign in and manage."""
    admins = select(User.id).where(User.role == Role.ADMIN, User.is_active).limit(1)
    return db.session.scalar(admins) is not None


def find_latest_own_time() -> datetime | None:
    """Return the latest moment that this installation has noted by its own clock."""
    latest = (
        db.session.scalar(select(func.max(column)))
        for column in (Source.imported_at, Session.created_at, User.created_at)
    )
    return max((time for time in latest if time), default=None)


def find_clock_skew_s() -> float:
    """Return by how many seconds PostgreSQL's clock is ahead of ours; SQLite has none: 0."""
    if db.engine.dialect.name == "sqlite":
        return 0.0
    theirs: datetime = db.session.execute(text("SELECT clock_timestamp()")).scalar_one()
    return (theirs - utc_now()).total_seconds()


def _find_miscounts(connection: Connection) -> Iterator[str]:
    totals = _count(connection, _kept(BlockCount).where(BlockCount.block == TOTAL_BLOCK))
    if totals != _count(connection, _kept(BlockCount).where(BlockCount.block > TOTAL_BLOCK)):
        yield "the counts of all blocks together are not the totals"
    if totals != _count(connection, _kept(BlockCount).where(BlockCount.block < TOTAL_BLOCK)):
        yield "the counts of all groups of blocks together are not the totals"
    if totals != _count(connection, _kept(StepCount).where(StepCount.block == TOTAL_BLOCK)):
        yield "the totals of all workspaces together are not the totals"
    for block in _sample_blocks(connection):
        steps = f"of the steps {block * BLOCK_SIZE:,} and up"
        kept = _count(connection, _kept(BlockCount).where(BlockCount.block == block))
        if kept != _count(connection, _steps_in(block)):
            yield f"{steps} others are there than are counted"
        if any(connection.execute(hidden).first() for hidden in _hidden_in(block)):
            yield f"{steps} some would not be found by name or duration"


def _count(connection: Connection, statement: Select[Any]) -> dict[tuple[str, str], int]:
    return {(status, kind): int(n) for status, kind, n in connection.execute(statement) if n}


def _kept(counts: type[BlockCount] | type[StepCount]) -> Select[Any]:
    by = (counts.status, counts.step_type)
    return select(*by, func.sum(counts.n)).group_by(*by)


def _steps_in(block: int) -> Select[Any]:
    by = (Step.status, Step.step_type)
    return select(*by, func.count()).where(_is_in(block)).group_by(*by)


def _hidden_in(block: int) -> Iterator[Select[tuple[int]]]:
    """Yield statements that select a step of a block for which the tables of parts have no row."""
    for column, (value, part) in PARTS.items():
        is_told = select(1).where(value == column, part == select_part(Step.id)).exists()
        yield select(Step.id).where(_is_in(block), ~is_told).limit(1)


def _is_in(block: int) -> ColumnElement[bool]:
    return Step.id.between(block * BLOCK_SIZE, (block + 1) * BLOCK_SIZE - 1)


def _sample_blocks(connection: Connection) -> list[int]:
    blocks = select(BlockCount.block).where(BlockCount.block > TOTAL_BLOCK).distinct()
    found = sorted(connection.execute(blocks).scalars())
    return sorted(random.sample(found, min(SAMPLED_BLOCKS, len(found))))
