"""Write runs, steps and artifacts: the only place that adds, changes or deletes steps.

Rows come in batches, one transaction a batch, and are found again by the source's own key, so
that writing the same twice changes nothing. The kept counts change in the same transaction.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from typing import Any, Self

from sqlalchemy import Connection, Engine, bindparam, delete, func, insert, select, update

from ..models import Artifact, Base, Run, Step, table_of
from .bulk import insert_rows
from .counters import get_counter, set_counter
from .locking import locked
from .records import ArtifactRecord, RunRecord, StepRecord, Tally, WriterSummary
from .step_counts import StepCountDeltas
from .step_names import StepNames
from .step_values import COMPARED, is_changed, step_values, storable_json
from .versions import change_version

BATCH_ROWS = 10_000
BATCH_CHARACTERS = 16 * 1024 * 1024
KEYS_PER_QUERY = 500
# A source's own number larger than this would leave none for the runs after it.
LARGEST_WANTED_ID = 2**53

Values = dict[str, Any]


class Writer:
    """Write the records of one source, batch by batch; a context manager.

    Leaving it without an error writes what is still waiting. An error drops that and keeps the
    batches already written: the same import can simply be run again.
    """

    def __init__(self, engine: Engine, source_id: int) -> None:
        """Write for the source with this id through this engine."""
        self.summary = WriterSummary()
        self._engine = engine
        self._source_id = source_id
        self._waiting: list[StepRecord] = []
        self._waiting_characters = 0
        self._names = StepNames()
        # The last id given to a step when this writer had written all steps of its source;
        # as long as it stands there is nothing to look up.
        self._alone_at: int | None = None

    def __enter__(self) -> Self:
        """Return the writer."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Write what is waiting, unless an error ended the block."""
        if kind is None:
            self.flush()

    def put_runs(self, records: Iterable[RunRecord]) -> dict[str, int]:
        """Add or update runs in one transaction; return their ids by source key."""
        values = [_run_values(record) for record in records]
        wanted = [one.pop("wanted_id") for one in values]
        with self._transaction() as connection:
            old = self._find_by_keys(connection, Run, [one["source_key"] for one in values])
            ids = _RunIds(connection, wanted)
            added = []
            for one, wanted_id in zip(values, wanted, strict=True):
                if one["source_key"] in old:
                    self._update(connection, Run, old[one["source_key"]], one, self.summary.runs)
                else:
                    added.append({"id": ids.take(wanted_id), "source_id": self._source_id, **one})
            self._insert(connection, Run, added, self.summary.runs)
        return {one["source_key"]: one["id"] for one in (*added, *old.values())}

    def put_artifacts(self, records: Iterable[ArtifactRecord]) -> None:
        """Add or update artifacts in one transaction."""
        values = [_storable(record) for record in records]
        with self._transaction() as connection:
            old = self._find_by_keys(connection, Artifact, [one["source_key"] for one in values])
            added = []
            for one in values:
                if one["source_key"] in old:
                    found = old[one["source_key"]]
                    self._update(connection, Artifact, found, one, self.summary.artifacts)
                else:
                    added.append({"source_id": self._source_id, **one})
            self._insert(connection, Artifact, added, self.summary.artifacts)

    def put_step(self, record: StepRecord) -> None:
        """Take a step; it is written when a batch is full.

        One writer takes each key once: a source has each of its steps once.
        """
        self._waiting.append(record)
        self._waiting_characters += len(record.output) + len(record.command)
        if len(self._waiting) >= BATCH_ROWS or self._waiting_characters >= BATCH_CHARACTERS:
            self.flush()

    def remove_steps(self, run_id: int, keys: Sequence[str]) -> None:
        """Delete steps of a run, by their keys, that the source does not have any more."""
        table = table_of(Step)
        columns = (Step.id, Step.run_id, Step.workspace, Step.status, Step.step_type)
        of_keys = (Step.run_id == run_id, Step.source_key.in_(keys))
        with self._transaction() as connection:
            deltas = StepCountDeltas()
            found = connection.execute(select(*columns).where(*of_keys)).all()
            for row in found:
                deltas.add(row.id, dict(row._mapping), -1)
            connection.execute(delete(table).where(table.c.id.in_([row.id for row in found])))
            deltas.write(connection)
            if found:
                change_version(connection)

    def flush(self) -> None:
        """Write the waiting steps and the counts with them, in one transaction."""
        records, self._waiting, self._waiting_characters = self._waiting, [], 0
        if records:
            with self._transaction() as connection:
                self._write_steps(connection, records)

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        """Hold the one write lock: `BEGIN IMMEDIATE` on SQLite, an advisory lock on PostgreSQL.

        What was added or changed meanwhile gives the history another version.
        """
        with locked(self._engine) as connection:
            n_before = self.summary.n_written()
            yield connection
            if self.summary.n_written() != n_before:
                change_version(connection)

    def _find_by_keys(
        self, connection: Connection, model: type[Run | Artifact], keys: Sequence[str]
    ) -> dict[str, Values]:
        """Return the rows that the source has already, by their key."""
        table = table_of(model)
        mine = select(table).where(table.c.source_id == self._source_id)
        found: dict[str, Values] = {}
        for start in range(0, len(keys), KEYS_PER_QUERY):
            some = table.c.source_key.in_(keys[start : start + KEYS_PER_QUERY])
            for row in connection.execute(mine.where(some)):
                found[row.source_key] = dict(row._mapping)
        return found

    @staticmethod
    def _insert(
        connection: Connection, model: type[Base], rows: Sequence[Values], tally: Tally
    ) -> None:
        tally.added += len(rows)
        if rows:
            connection.execute(insert(table_of(model)), rows)

    @staticmethod
    def _update(
        connection: Connection, model: type[Base], old: Values, values: Values, tally: Tally
    ) -> None:
        """Write the values that differ from the old row, and count what that was."""
        table = table_of(model)
        changes = {name: value for name, value in values.items() if old[name] != value}
        if changes:
            connection.execute(update(table).where(table.c.id == old["id"]).values(changes))
            tally.changed += 1
        else:
            tally.unchanged += 1

    def _write_steps(self, connection: Connection, records: Sequence[StepRecord]) -> None:
        last_id = get_counter(connection, Step.__tablename__)
        old_rows = self._find_old_steps(connection, records, last_id)
        deltas = StepCountDeltas()
        added: list[Values] = []
        changed: list[Values] = []
        for record in records:
            values = step_values(record)
            old = old_rows.get(record.source_key) or old_rows.get(record.place_key)
            if old is None:
                last_id += 1
                added.append({"id": last_id, "source_id": self._source_id, **values})
                deltas.add(last_id, values)
            elif is_changed(old, values):
                changed.append({"of_step": old["id"], **values})
                deltas.add(old["id"], old, -1)
                deltas.add(old["id"], values)
        self._write_step_rows(connection, added, changed)
        self._names.write(connection, (one["step_name"] for one in (*added, *changed)))
        deltas.write(connection)
        tally = self.summary.steps
        tally.added += len(added)
        tally.changed += len(changed)
        tally.unchanged += len(records) - len(added) - len(changed)
        if self._alone_at is not None:
            self._alone_at = last_id

    @staticmethod
    def _write_step_rows(
        connection: Connection, added: Sequence[Values], changed: Sequence[Values]
    ) -> None:
        table = table_of(Step)
        if added:
            insert_rows(connection, table, added)
            set_counter(connection, Step.__tablename__, added[-1]["id"])
        if changed:
            statement = update(table).where(table.c.id == bindparam("of_step"))
            columns: Values = {name: bindparam(name) for name in changed[0] if name != "of_step"}
            connection.execute(statement.values(columns), changed)

    def _find_old_steps(
        self, connection: Connection, records: Sequence[StepRecord], last_id: int
    ) -> dict[str, Values]:
        """Return the rows that the source has already, by their key."""
        if self._is_alone(connection, last_id):
            return {}
        keys = {key for record in records for key in (record.source_key, record.place_key) if key}
        ordered = sorted(keys)
        columns = [Step.id, *(table_of(Step).c[name] for name in COMPARED)]
        found: dict[str, Values] = {}
        for start in range(0, len(ordered), KEYS_PER_QUERY):
            some = ordered[start : start + KEYS_PER_QUERY]
            rows = connection.execute(
                select(*columns).where(Step.source_id == self._source_id, Step.source_key.in_(some))
            )
            found.update({row.source_key: dict(row._mapping) for row in rows})
        return found

    def _is_alone(self, connection: Connection, last_id: int) -> bool:
        """Tell whether every step of the source was written just now by this writer."""
        if self._alone_at is None:
            any_step = select(Step.id).where(Step.source_id == self._source_id).limit(1)
            if connection.execute(any_step).first() is None:
                self._alone_at = last_id
        elif self._alone_at != last_id:
            self._alone_at = None
        return self._alone_at is not None


class _RunIds:
    """Give out numbers for runs: the source's own where it is free, else the next."""

    def __init__(self, connection: Connection, wanted: Sequence[int | None]) -> None:
        numbers = [number for number in wanted if number and number <= LARGEST_WANTED_ID]
        self._last = connection.execute(select(func.max(Run.id))).scalar() or 0
        self._taken: set[int] = set()
        for start in range(0, len(numbers), KEYS_PER_QUERY):
            some = select(Run.id).where(Run.id.in_(numbers[start : start + KEYS_PER_QUERY]))
            self._taken.update(connection.execute(some).scalars())

    def take(self, wanted: int | None) -> int:
        is_free = (
            wanted is not None and 0 < wanted <= LARGEST_WANTED_ID and wanted not in self._taken
        )
        number = wanted if is_free and wanted is not None else self._last + 1
        self._taken.add(number)
        self._last = max(self._last, number)
        return number


def _run_values(record: RunRecord) -> Values:
    return {**_storable(record), "duration_ms": record.duration_ms()}


def _storable(record: RunRecord | ArtifactRecord) -> Values:
    return {one.name: storable_json(getattr(record, one.name)) for one in fields(record)}
