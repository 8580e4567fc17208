"""Write many rows by the driver itself: what SQLAlchemy adds costs as much as the insert."""

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from itertools import chain
from typing import Any

from sqlalchemy import Connection, Dialect, String, Table, Text, bindparam, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.types import TypeEngine

from ..columns import UtcDateTime, utc_offset_text, utc_text

# SQLite takes so many rows by one statement, which it runs without a look at Python in between.
ROWS_AT_ONCE = 1_000
# Keys that one statement looks up.
KEYS_PER_QUERY = 500
# The least that SQLite allows of a statement.
MOST_VALUES = 32_766

Rows = Sequence[Sequence[Any]]
Upsert = sqlite.Insert | postgresql.Insert


class RowPreparer:
    """Turns the values of columns into what the driver takes: times, say, into texts."""

    def __init__(self, dialect: Dialect, table: Table, names: Sequence[str]) -> None:
        """Prepare rows of the columns with these names, in their order."""
        self._processes = [
            (place, process)
            for place, name in enumerate(names)
            if (process := _process_of(table.c[name].type, dialect))
        ]

    def prepare(self, values: Sequence[Any]) -> list[Any]:
        """Return a row as the driver takes it; None, in any column, stands for NULL."""
        row = list(values)
        # A step often begins when its row was made: the same time twice. No other value stands in
        # columns of two kinds.
        known: dict[int, Any] = {}
        for place, process in self._processes:
            if (value := row[place]) is not None:
                key = id(value)
                if key not in known:
                    known[key] = process(value)
                row[place] = known[key]
        return row


def _process_of(kind: TypeEngine[Any], dialect: Dialect) -> Callable[[Any], Any] | None:
    """Return what turns a value of this kind into what the driver takes, if anything has to."""
    if isinstance(kind, UtcDateTime):
        # PostgreSQL's driver would take three times as long to write a time.
        return utc_offset_text if dialect.name == "postgresql" else utc_text
    return kind.dialect_impl(dialect).bind_processor(dialect)


def insert_rows(connection: Connection, table: Table, names: Sequence[str], rows: Rows) -> None:
    """Insert rows of the columns with these names, in their order."""
    prepare = RowPreparer(connection.dialect, table, names).prepare
    insert_prepared(connection, table, names, [prepare(row) for row in rows])


def insert_prepared(connection: Connection, table: Table, names: Sequence[str], rows: Rows) -> None:
    """Insert rows that stand as the driver takes them.

    After an error some of them are there: the transaction, or the savepoint, has to be rolled back.
    """
    if not rows:
        return
    quote = connection.dialect.identifier_preparer.quote
    into = f"{quote(table.name)} ({', '.join(map(quote, names))})"
    if connection.dialect.name == "postgresql":
        _copy(connection, f"COPY {into} FROM STDIN", rows)
        return
    # To take one statement back SQLite keeps a copy of each page that it changes: for rows that go
    # to places all over an index, a fifth of the time. It does so too where it checks references.
    _run(connection, f"INSERT OR FAIL INTO {into}", "", len(names), rows)


@contextmanager
def references_unchecked(connection: Connection) -> Iterator[None]:
    """Let SQLite not check references in the transactions of a block, which has to do so itself.

    With such checks it keeps copies of pages, whatever `insert_prepared` says.
    """
    if connection.dialect.name != "sqlite":
        yield
        return
    driver: Any = connection.connection.driver_connection
    driver.execute("PRAGMA foreign_keys = OFF")
    try:
        yield
    finally:
        driver.execute("PRAGMA foreign_keys = ON")


def check_references(connection: Connection, table: Table, values: Mapping[str, Set[Any]]) -> None:
    """Raise `IntegrityError` unless all is there that the columns of a table refer to.

    `values` has those of each column that refers to another table. Nobody can delete what was found
    until the transaction has ended: one of PostgreSQL holds it, SQLite has one writer.
    """
    dialect: Any = connection.dialect
    for column in (one for one in table.columns if one.foreign_keys):
        (reference,) = column.foreign_keys
        ordered = sorted(values[column.name])
        for start in range(0, len(ordered), KEYS_PER_QUERY):
            some = ordered[start : start + KEYS_PER_QUERY]
            found = select(reference.column).where(reference.column.in_(some))
            # In the order that somebody who deletes several by their ids takes them in, too.
            held = found.order_by(reference.column).with_for_update(read=True, key_share=True)
            if len(connection.execute(held).all()) < len(some):
                error = dialect.dbapi.IntegrityError("FOREIGN KEY constraint failed")
                raise IntegrityError(f"REFERENCES {reference.target_fullname}", None, error)


def new_upsert(connection: Connection, table: Table) -> Upsert:
    """Return an insert that can be told what to do where a row is there already."""
    is_postgresql = connection.dialect.name == "postgresql"
    return postgresql.insert(table) if is_postgresql else sqlite.insert(table)


def upsert_rows(
    connection: Connection, statement: Upsert, names: Sequence[str], rows: Rows
) -> None:
    """Run such an insert with rows of texts and numbers, of the columns with these names.

    No two of the rows may have the same key; a column's values are all of one type.
    """
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        connection.execute(_from_arrays(statement, names, rows))
        return
    compiled = statement.compile(dialect=connection.dialect, column_keys=list(names))
    places = [names.index(name) for name in compiled.positiontup or ()]
    into, _, rest = str(compiled).partition(" VALUES ")
    ordered = [tuple(row[place] for place in places) for row in rows]
    _run(connection, into, rest[rest.index(")") + 1 :], len(names), ordered)


def _from_arrays(statement: Upsert, names: Sequence[str], rows: Rows) -> Upsert:
    """Return the insert with an array of each column: faster than row after row."""
    arrays = []
    for name, values in zip(names, zip(*rows, strict=True), strict=True):
        kind = statement.table.c[name].type
        # As VARCHAR(20) a longer text would be cut without a word.
        array = postgresql.ARRAY(Text() if isinstance(kind, String) else kind)
        arrays.append(bindparam(name, list(values), type_=array))
    given = func.unnest(*arrays).table_valued(*names).render_derived()
    return statement.from_select(names, select(*(given.c[name] for name in names)))


def _run(connection: Connection, into: str, on_conflict: str, n_names: int, rows: Rows) -> None:
    """Run an insert on SQLite, many rows at once."""
    most = min(ROWS_AT_ONCE, MOST_VALUES // n_names)
    one = f"({', '.join('?' * n_names)})"
    driver: Any = connection.connection.driver_connection
    with told_as_by_sqlalchemy(connection, f"{into} VALUES ...{on_conflict}"):
        n_whole = len(rows) // most * most
        many = f"{into} VALUES {', '.join([one] * most)}{on_conflict}"
        for start in range(0, n_whole, most):
            driver.execute(many, list(chain.from_iterable(rows[start : start + most])))
        driver.executemany(f"{into} VALUES {one}{on_conflict}", rows[n_whole:])


def _copy(connection: Connection, statement: str, rows: Rows) -> None:
    """Send rows to PostgreSQL by COPY, which takes a third of an insert's time."""
    driver: Any = connection.connection.driver_connection
    with (
        told_as_by_sqlalchemy(connection, statement),
        driver.cursor() as cursor,
        cursor.copy(statement) as copy,
    ):
        for row in rows:
            copy.write_row(row)


@contextmanager
def told_as_by_sqlalchemy(connection: Connection, statement: str) -> Iterator[None]:
    """Raise what the driver raises as SQLAlchemy does, by whose errors others go."""
    dialect: Any = connection.dialect
    base = dialect.dbapi.Error
    try:
        yield
    except base as error:
        # Further lines of PostgreSQL's tell values, which may be secrets.
        error.args = (str(error).partition("\n")[0],)
        is_lost = dialect.is_disconnect(error, connection.connection, None)
        if is_lost:
            connection.invalidate(error)
        raise DBAPIError.instance(
            statement,
            None,
            error,
            base,
            hide_parameters=True,
            connection_invalidated=is_lost,
            dialect=dialect,
        ) from error
