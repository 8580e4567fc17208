"""Copy a whole database into an empty one, of the same engine or the other.

All of it is one transaction on either side: what is copied is one moment of FROM, and TO is empty
until it is whole.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from sqlalchemy import Connection, Engine, Table, create_engine, event, func, inspect, select, text
from sqlalchemy.engine import make_url

from ..database import PAGE_BYTES, find_revision, make_tables, needed_revision, set_up_sqlite
from ..models import TOTAL_BLOCK, Base, BlockCount, Step, table_of
from ..queries.references import select_dangling
from .bulk import insert_rows
from .step_directory import find_missing

BATCH_ROWS = 2_000
BATCH_CHARACTERS = 8 * 1024 * 1024
# So many rows are fetched at once: each may hold an output of 11 MB.
FETCHED_ROWS = 8

Report = Callable[[str, int, int], None]
Row = dict[str, Any]


class CopyError(RuntimeError):
    """Raised for databases that cannot be copied so; the message is one clear line."""


class TableCount(NamedTuple):
    """How many rows a table has, before and after."""

    table: str
    n_from: int
    n_to: int


def copy_database(from_url: str, to_url: str, report: Report) -> list[TableCount]:
    """Copy all rows; return the counts of each table, which are the same on both sides.

    Raises CopyError, with nothing written, for databases that do not fit and for counts that
    differ at the end.
    """
    with _reading(from_url) as source, _writing(to_url) as target:
        _check_source(source)
        _make_ready(target)
        counts = []
        for table in Base.metadata.sorted_tables:
            n = _count(source, table)
            _copy_table(source, target, table, n, report)
            counts.append(TableCount(table.name, n, _count(target, table)))
        _set_sequences(target)
        _check_counts(target, counts)
        target.commit()
    return counts


@contextmanager
def _reading(url: str) -> Iterator[Connection]:
    """Yield a connection that reads one moment of a database, and cannot write."""
    engine = create_engine(url, hide_parameters=True, **_reading_options(url))
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _leave_transactions_to_us)
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    with _disposed(engine), engine.connect() as connection:
        yield connection


def _reading_options(url: str) -> dict[str, Any]:
    if not url.startswith("sqlite"):
        return {"isolation_level": "REPEATABLE READ"}
    path = quote(make_url(url).database or "")
    return {"creator": lambda: sqlite3.connect(f"file:{path}?mode=ro", uri=True)}


def _leave_transactions_to_us(connection: Any, _: object) -> None:
    connection.isolation_level = None


@contextmanager
def _writing(url: str) -> Iterator[Connection]:
    """Yield a connection whose transaction is taken back unless it is committed."""
    engine = create_engine(url, hide_parameters=True)
    if engine.dialect.name == "sqlite":
        set_up_sqlite(engine)
    with _taking_back_file(engine), _disposed(engine), engine.connect() as connection:
        connection.execution_options(immediate=True)
        yield connection


@contextmanager
def _taking_back_file(engine: Engine) -> Iterator[None]:
    """Remove an SQLite file that was not there before, if an error leaves nothing in it."""
    path = Path(engine.url.database or "") if engine.dialect.name == "sqlite" else None
    is_new = path is not None and not path.exists()
    try:
        yield
    except BaseException:
        # A page is written before there is any table.
        if path and is_new and path.exists() and path.stat().st_size <= PAGE_BYTES:
            path.unlink()
        raise


@contextmanager
def _disposed(engine: Engine) -> Iterator[None]:
    try:
        yield
    finally:
        engine.dispose()


def _check_source(source: Connection) -> None:
    found, needed = find_revision(source), needed_revision()
    if found is None:
        raise CopyError("FROM is no database of Stepboard.")
    if found != needed:
        raise CopyError(
            f"FROM is at revision {found}, this version needs {needed}: run 'flask db upgrade' "
            "on it first (after a backup)."
        )


def _make_ready(target: Connection) -> None:
    """Make the tables where there are none; refuse a database that holds anything."""
    if not inspect(target).get_table_names():
        make_tables(target)
        return
    if find_revision(target) != needed_revision():
        raise CopyError("TO holds other tables than this version's; give an empty database.")
    for table in Base.metadata.sorted_tables:
        if target.execute(select(1).select_from(table).limit(1)).first():
            raise CopyError(f"TO has rows already, in {table.name}; give an empty database.")


def _copy_table(
    source: Connection, target: Connection, table: Table, n: int, report: Report
) -> None:
    done = 0
    report(table.name, done, n)
    for batch in _batches(_read_rows(source, table)):
        names = table.columns.keys()
        insert_rows(target, table, names, [[row[name] for name in names] for row in batch])
        done += len(batch)
        report(table.name, done, n)


def _read_rows(source: Connection, table: Table) -> Iterator[Row]:
    """Yield the rows of a table in the order of its key, few at a time."""
    options = {"stream_results": True, "max_row_buffer": FETCHED_ROWS}
    ordered = select(table).order_by(*table.primary_key.columns)
    for row in source.execution_options(**options).execute(ordered).mappings():
        yield dict(row)


def _batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Gather rows until there are many, or their texts are long."""
    batch: list[Row] = []
    n_characters = 0
    for row in rows:
        batch.append(row)
        n_characters += sum(len(value) for value in row.values() if isinstance(value, str))
        if len(batch) >= BATCH_ROWS or n_characters >= BATCH_CHARACTERS:
            yield batch
            batch, n_characters = [], 0
    yield batch


def _set_sequences(target: Connection) -> None:
    """Let PostgreSQL give the next row the next number; SQLite does so by itself."""
    if target.dialect.name != "postgresql":
        return
    for table in Base.metadata.sorted_tables:
        column = table.autoincrement_column
        if column is not None:
            sequence = func.pg_get_serial_sequence(table.name, column.name)
            last = select(func.max(column)).scalar_subquery()
            next_id = func.coalesce(last + 1, 1)
            target.execute(select(func.setval(sequence, next_id, text("false"))))


def _count(connection: Connection, table: Table) -> int:
    return connection.execute(select(func.count()).select_from(table)).scalar_one()


def _check_counts(target: Connection, counts: list[TableCount]) -> None:
    """Compare the rows of each table, and what is kept of steps, and their runs, with the steps."""
    for table, n_from, n_to in counts:
        if n_from != n_to:
            raise CopyError(f"{table} has {n_from:,} rows in FROM and {n_to:,} in TO.")
    steps, kept = table_of(Step), table_of(BlockCount)
    of_steps = select(steps.c.status, steps.c.step_type, func.count()).group_by(
        steps.c.status, steps.c.step_type
    )
    of_kept = select(kept.c.status, kept.c.step_type, kept.c.n).where(
        kept.c.block == TOTAL_BLOCK, kept.c.n != 0
    )
    if {*map(tuple, target.execute(of_steps))} != {*map(tuple, target.execute(of_kept))}:
        raise CopyError("the kept counts of steps are not those of the steps, in FROM already.")
    if any(target.execute(dangling).first() for dangling in select_dangling(steps)):
        raise CopyError("some steps are of a run or a source that is not there, in FROM already.")
    if any(rows for _, rows in find_missing(lambda: nullcontext(target))):
        raise CopyError(
            "some steps would not be found by their name or duration: run 'flask counts rebuild' "
            "on FROM first."
        )
