"""Read the rows of an Osmedeus database, versions 5.0.0 to 5.1.0: whatever columns there are."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, TypeVar

from ..errors import SourceError
from ..step_values import storable_text
from .cells import as_number, as_text, load_object
from .times import parse_time, to_moment

T = TypeVar("T")

TABLES = ("runs", "step_results", "artifacts")
ENOUGH_CHARACTERS = 1_000_000


@dataclass(slots=True)
class SourceRun:
    """A row of runs, by column name, and what matching needs of it."""

    key: str
    columns: dict[str, Any]
    params: dict[str, Any]
    started_at: int | None
    completed_at: int | None

    def text(self, name: str) -> str:
        """Return a column as text, empty when it has none."""
        return as_text(self.columns.get(name))


class SourceRow(NamedTuple):
    """What matching needs of a row of step_results; the texts stay in the database."""

    rowid: int
    key: str
    run_key: str | None
    # What the row says of its run, for one that the database does not have.
    run_hint: str
    name: str
    step_type: str
    status: str
    duration_ms: int
    digest: int
    started_at: int | None
    completed_at: int | None

    @property
    def took_us(self) -> int | None:
        """How long the step took by its times."""
        if self.started_at is None or self.completed_at is None:
            return None
        return self.completed_at - self.started_at


class Texts(NamedTuple):
    """The texts of a step, read only when it is written."""

    command: str
    output: str
    error: str
    exports: object
    created_at: object


class SourceDatabase:
    """The tables that matter, read by column name."""

    def __init__(self, connection: sqlite3.Connection, file: Path) -> None:
        """Look at the tables; raise SourceError when they are not Osmedeus's or damaged."""
        self._connection = connection
        self._file = file
        # Plain tuples, for what is read of every step there is.
        self._cursor = connection.cursor()
        self._cursor.row_factory = None
        self._columns = {table: self._find_columns(table) for table in TABLES}
        for table in ("runs", "step_results"):
            if not self._columns[table]:
                raise SourceError(f"This database is not Osmedeus's: it has no table {table}.")
        for table in TABLES:
            self._check(table)
        texts = self._select("step_results", _TEXT_COLUMNS)
        self._by_number, self._by_id = f"{texts} WHERE rowid = ?", f'{texts} WHERE "id" = ?'

    @contextmanager
    def one_moment(self) -> Iterator[None]:
        """Read the tables as they stand at one moment, though the engine goes on writing.

        A row written between two reads would seem to be of a run that does not exist.
        """
        self._connection.execute("BEGIN")
        try:
            yield
        finally:
            self._connection.execute("ROLLBACK")

    def find_runs(self) -> list[SourceRun]:
        """Return all runs, oldest first."""
        runs: dict[str, SourceRun] = {}
        for row in self._connection.execute('SELECT * FROM "runs"'):
            columns = dict(row)
            key = storable_text(as_text(columns.get("run_uuid")) or as_text(columns.get("id")))
            if key in runs:
                # Only in a database without its unique keys; the number still tells them apart.
                key = f"{key}~{as_text(columns.get('id'))}~{len(runs)}"
            runs[key] = SourceRun(
                key=key,
                columns=columns,
                params=load_object(columns.get("params")),
                started_at=to_moment(parse_time(columns.get("started_at"))),
                completed_at=to_moment(parse_time(columns.get("completed_at"))),
            )
        return sorted(runs.values(), key=_age_of_run)

    def read_rows(self, runs: list[SourceRun]) -> Iterator[SourceRow]:
        """Yield what matching needs of every step, in the order in which they were written.

        Nothing else may be read of this database until the last of them is taken.
        """
        known = {run.key: run.key for run in runs}
        by_id = {as_text(run.columns.get("id")): run.key for run in runs}
        for (
            rowid,
            key,
            run_id,
            run_uuid,
            name,
            step_type,
            status,
            ms,
            began,
            ended,
            command,
        ) in self._decoded_rows(self._select("step_results", _ROW_COLUMNS)):
            run_id, run_uuid, name = as_text(run_id), as_text(run_uuid), as_text(name)
            found = known.get(run_uuid) if run_uuid else by_id.get(run_id)
            yield SourceRow(
                rowid=rowid,
                key=storable_text(as_text(key)),
                run_key=found,
                run_hint=found or run_uuid or run_id,
                name=name,
                step_type=as_text(step_type),
                status=as_text(status),
                duration_ms=as_number(ms),
                digest=hash((name, as_text(command))),
                started_at=to_moment(parse_time(began)),
                completed_at=to_moment(parse_time(ended)),
            )

    def _decoded_rows(self, select: str) -> Iterator[tuple[Any, ...]]:
        """Yield rows by their row ids; from the first text that is no UTF-8 on more slowly."""
        tolerant = self._connection.text_factory
        after = -(2**63)
        self._connection.text_factory = str
        try:
            for row in self._cursor.execute(f"{select} ORDER BY rowid"):
                yield row
                after = row[0] + 1
            return
        except sqlite3.OperationalError as error:
            if not _is_no_text(error):
                raise
        finally:
            self._connection.text_factory = tolerant
        yield from self._cursor.execute(f"{select} WHERE rowid >= ? ORDER BY rowid", (after,))

    def read_texts(self, rows: Sequence[SourceRow]) -> dict[int, Texts]:
        """Return the texts of the first rows, whole, by row id: of one row at least.

        As many are read at once as ENOUGH_CHARACTERS hold: to begin a read takes as long as it.
        """
        with self.one_moment():
            return self._quickly(lambda: self._read_some(rows))

    def _read_some(self, rows: Sequence[SourceRow]) -> dict[int, Texts]:
        found: dict[int, Texts] = {}
        n_characters = 0
        for row in rows:
            texts = found[row.rowid] = self._read_texts(row)
            n_characters += sum(len(text) for text in texts if isinstance(text, (str, bytes)))
            if n_characters >= ENOUGH_CHARACTERS:
                break
        return found

    def _read_texts(self, row: SourceRow) -> Texts:
        """Return the texts of a row; those of a row that is gone are empty.

        They are read long after the row was. A row never changes once it is written, but SQLite
        gives the number of a row that is gone to another one, and VACUUM may give all new ones: a
        row counts as the same only by its id, and is looked for by that where it is no longer.
        """
        values = self._cursor.execute(self._by_number, (row.rowid,)).fetchone()
        if values is None or storable_text(as_text(values[1])) != row.key:
            values = self._cursor.execute(self._by_id, (row.key,)).fetchone()
        if values is None:
            return Texts("", "", "", None, None)
        _, _, command, output, error, exports, created_at = values
        return Texts(as_text(command), as_text(output), as_text(error), exports, created_at)

    def _quickly(self, read: Callable[[], T]) -> T:
        """Let SQLite decode the texts; where one is no UTF-8, read again and put U+FFFD there."""
        tolerant = self._connection.text_factory
        self._connection.text_factory = str
        try:
            return read()
        except sqlite3.OperationalError as error:
            if not _is_no_text(error):
                raise
        finally:
            self._connection.text_factory = tolerant
        return read()

    def find_artifacts(self) -> Iterator[dict[str, Any]]:
        """Yield every artifact."""
        if self._columns["artifacts"]:
            for row in self._connection.execute('SELECT * FROM "artifacts"'):
                yield dict(row)

    def _find_columns(self, table: str) -> set[str]:
        """Return the names of a table's columns, none where there is no such table.

        Raises SourceError for what only looks like a table: to read a view, a virtual table or a
        computed column runs whatever its author wrote, without an end perhaps.
        """
        # What SQLite made of the schema, and will read; the schema's own words may lie.
        found = self._connection.execute(f'PRAGMA table_list("{table}")').fetchall()
        if any(row["type"] != "table" for row in found):
            self._refuse(f"{table} is a {found[0]['type']}, not a plain table")
        if any(row["wr"] for row in found):
            self._refuse(f"its table {table} has no row ids")
        columns = self._connection.execute(f'PRAGMA table_xinfo("{table}")').fetchall()
        if any(column["hidden"] for column in columns):
            self._refuse(f"its table {table} has computed columns")
        if any(column["name"].lower() == "rowid" for column in columns):
            self._refuse(f"its table {table} has a column rowid, which hides its row ids")
        return {column["name"] for column in columns}

    def _refuse(self, why: str) -> NoReturn:
        raise SourceError(
            f"{self._file} is no database that Osmedeus made: {why}; nothing was imported."
        )

    def _select(self, table: str, columns: tuple[str, ...]) -> str:
        """Return a SELECT in which a column that this version lacks is NULL."""
        has = self._columns[table]
        parts = [f'"{name}"' if name in has else f'NULL AS "{name}"' for name in columns]
        return f'SELECT rowid, {", ".join(parts)} FROM "{table}"'

    def _check(self, table: str) -> None:
        """Raise SourceError for a table with a damaged page; that others read says nothing."""
        if not self._columns[table]:
            return
        found = self._connection.execute(f'PRAGMA quick_check("{table}")').fetchone()[0]
        if found != "ok":
            raise SourceError(f"The table {table} is damaged ({found}); nothing was imported.")


_ROW_COLUMNS = (
    "id",
    "run_id",
    "run_uuid",
    "step_name",
    "step_type",
    "status",
    "duration_ms",
    "started_at",
    "completed_at",
    "command",
)
_TEXT_COLUMNS = ("id", "command", "output", "error_message", "exports", "created_at")


def _is_no_text(error: sqlite3.OperationalError) -> bool:
    return "decode" in str(error)


def _age_of_run(run: SourceRun) -> tuple[int, int]:
    began = run.started_at or to_moment(parse_time(run.columns.get("created_at"))) or 0
    return began, as_number(run.columns.get("id"))
