"""Write runs, steps and artifacts: the only place that adds, changes or deletes steps.

Rows come in batches, one transaction a batch, or two of PostgreSQL (see `halves`), and are found
again by the source's own key, so that writing the same twice changes nothing. The kept counts
change in the same transaction.

A full batch is written in a thread, while the next one gathers: the database works outside of
Python's lock. There is one such thread at most, and whatever else a writer does waits for it.
"""

import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Self

from sqlalchemy import Connection, Engine, Row, bindparam, delete, insert, select, update
from sqlalchemy.exc import DBAPIError

from ..models import Artifact, Base, Run, Step, table_of
from .batches import BatchSize
from .bulk import RowPreparer
from .checkpoints import Checkpointer
from .counters import get_counter, set_counter
from .halves import Halving
from .lookups import find_by_keys, has_rows
from .new_steps import STEP_COLUMNS, NewSteps, WaitingStep, check_references_of
from .records import ArtifactRecord, RunRecord, StepRecord, Tally, WriterSummary
from .run_ids import RunIds
from .step_counts import StepCountDeltas
from .step_directory import StepDirectory, StepsOfPart, by_parts
from .step_values import COMPARED, StepValues, is_changed, step_values, storable_values
from .threads import Beside
from .versions import change_version

Values = dict[str, Any]

log = logging.getLogger(__name__)


class Writer:
    """Write the records of one source, batch by batch; a context manager.

    Leaving it without an error writes what is still waiting. An error drops that and keeps what is
    written already, perhaps half a batch of it: the same import can simply be run again.
    """

    def __init__(self, engine: Engine, source_id: int) -> None:
        """Write for the source with this id through this engine."""
        self.summary = WriterSummary()
        self._source_id = source_id
        self._preparer = RowPreparer(engine.dialect, table_of(Step), STEP_COLUMNS)
        self._waiting: list[WaitingStep] = []
        self._waiting_characters = 0
        self._size = BatchSize()
        self._batch: Beside[Tally] = Beside("stepboard-writer")
        self._checkpointer = Checkpointer(engine)
        self._halving = Halving(engine)
        self._directory = StepDirectory()
        # The last id given to a step when this writer had written all steps of its source;
        # as long as it stands there is nothing to look up.
        self._alone_at: int | None = None

    def __enter__(self) -> Self:
        """Return the writer."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Write what is waiting, unless an error ended the block; nothing is under way then."""
        try:
            if kind is None:
                self.flush()
        finally:
            self._let_batch_end()

    def _let_batch_end(self) -> None:
        """Wait for the batch that an error left under way; of two errors the first is raised."""
        try:
            self._await_batch()
        except Exception:
            log.warning("the batch under way was not written either", exc_info=True)
        self._checkpointer.finish()

    def put_runs(self, records: Iterable[RunRecord]) -> dict[str, int]:
        """Add or update runs in one transaction; return their ids by source key."""
        self._await_batch()
        values = [{**storable_values(one), "duration_ms": one.duration_ms()} for one in records]
        wanted = [one.pop("wanted_id") for one in values]
        with self._transaction() as connection:
            old = self._find_by_keys(connection, Run, [one["source_key"] for one in values])
            ids = RunIds(connection, wanted)
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
        self._await_batch()
        values = [storable_values(record) for record in records]
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

        One writer takes each key once: a source has each of its steps once. What goes wrong with a
        batch is raised when the next one is full, or by whatever is asked of the writer next.
        """
        values = step_values(record)
        row = self._preparer.prepare((None, self._source_id, *values))
        self._waiting.append(WaitingStep(record.source_key, record.place_key, values, row))
        self._waiting_characters += sum(map(len, (record.output, record.command, record.error)))
        if self._size.is_reached(len(self._waiting), self._waiting_characters):
            self._begin_batch()

    def remove_steps(self, run_id: int, keys: Sequence[str]) -> None:
        """Delete steps of a run, by their keys, that the source does not have any more."""
        table = table_of(Step)
        self._await_batch()
        columns = (Step.id, Step.run_id, Step.workspace, Step.status, Step.step_type)
        of_keys = (Step.run_id == run_id, Step.source_key.in_(keys))
        with self._transaction() as connection:
            deltas = StepCountDeltas()
            found = connection.execute(select(*columns).where(*of_keys)).all()
            for row in found:
                deltas.add(row.id, row, -1)
            connection.execute(delete(table).where(table.c.id.in_([row.id for row in found])))
            deltas.write(connection)
            if found:
                change_version(connection)

    def flush(self) -> None:
        """Write the waiting steps and the counts with them; return when that is done."""
        self._begin_batch()
        self._await_batch()
        self._checkpointer.finish()

    def _begin_batch(self) -> None:
        """Begin to write the waiting steps, once the batch before is written."""
        self._await_batch()
        batch, self._waiting, self._waiting_characters = self._waiting, [], 0
        if batch:
            self._batch.begin(partial(self._write_batch, batch))

    def _await_batch(self) -> None:
        """Wait until the batch before is written; raise what kept it from being so."""
        if (tally := self._batch.wait()) is not None:
            self.summary.steps += tally

    def _write_batch(self, batch: Sequence[WaitingStep]) -> Tally:
        """Write steps and the counts with them, in the thread of a batch."""
        try:
            return self._write_at_once(batch)
        except Exception as error:
            # What was written of them is taken back.
            self._directory = StepDirectory()
            if not (isinstance(error, DBAPIError) and self._halving.gives_up_after(error)):
                raise
            return self._write_at_once(batch)

    def _write_at_once(self, batch: Sequence[WaitingStep]) -> Tally:
        """Write them in one transaction, or the first half in another one of PostgreSQL."""
        with self._checkpointer.locked(is_unchecked=True) as connection:
            began = time.monotonic()
            check_references_of(connection, batch)
            tally = self._write_steps(connection, batch)
        self._size.learn(len(batch), time.monotonic() - began)
        return tally

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        """Hold the one write lock: `BEGIN IMMEDIATE` on SQLite, an advisory lock on PostgreSQL.

        What was added or changed meanwhile gives the history another version.
        """
        with self._checkpointer.locked() as connection:
            n_before = self.summary.n_written()
            yield connection
            if self.summary.n_written() != n_before:
                change_version(connection)

    def _find_by_keys(
        self, connection: Connection, model: type[Run | Artifact], keys: Sequence[str]
    ) -> dict[str, Values]:
        """Return the rows that the source has already, by their key."""
        columns = tuple(table_of(model).columns)
        rows = find_by_keys(connection, columns, self._source_id, keys)
        return {row.source_key: dict(row._mapping) for row in rows}

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

    def _write_steps(self, connection: Connection, batch: Sequence[WaitingStep]) -> Tally:
        last_id = get_counter(connection, Step.__tablename__)
        deltas = StepCountDeltas()
        added: Sequence[WaitingStep] = batch
        changed: list[tuple[int, StepValues]] = []
        if old_rows := self._find_old_steps(connection, batch, last_id):
            added = []
            for one in batch:
                old = old_rows.get(one.source_key) or old_rows.get(one.place_key)
                if old is None:
                    added.append(one)
                elif is_changed(old, one.values):
                    changed.append((old.id, one.values))
                    deltas.add(old.id, old, -1)
                    deltas.add(old.id, one.values)
        new = left = NewSteps(last_id + 1, added)
        if changed:
            # One of them can get another key, for which a half with a new one would wait.
            new.insert(connection)
            self._change_steps(connection, changed)
        else:
            left = self._halving.insert(connection, new, self._keep_up)
        if added or changed:
            self._keep_up(connection, left, deltas, by_parts(changed))
        if self._alone_at is not None:
            self._alone_at = new.last_id
        return Tally(len(added), len(changed), len(batch) - len(added) - len(changed))

    def _keep_up(
        self,
        connection: Connection,
        new: NewSteps,
        deltas: StepCountDeltas | None = None,
        changed: Iterable[StepsOfPart] = (),
    ) -> None:
        """Keep up with new steps what is kept of all, and with changed ones, as the deltas are."""
        deltas = deltas or StepCountDeltas()
        set_counter(connection, Step.__tablename__, new.last_id)
        self._directory.write(connection, (*changed, *new.of_parts()))
        new.add_to(deltas)
        deltas.write(connection)
        change_version(connection)

    @staticmethod
    def _change_steps(connection: Connection, changed: Sequence[tuple[int, StepValues]]) -> None:
        table = table_of(Step)
        columns: Values = {name: bindparam(name) for name in StepValues._fields}
        statement = update(table).where(table.c.id == bindparam("of_step")).values(columns)
        rows = [{"of_step": step_id, **values._asdict()} for step_id, values in changed]
        connection.execute(statement, rows)

    def _find_old_steps(
        self, connection: Connection, batch: Sequence[WaitingStep], last_id: int
    ) -> dict[str, Row[Any]]:
        """Return the rows that the source has already, by their key."""
        if self._is_alone(connection, last_id):
            return {}
        keys = {key for one in batch for key in (one.source_key, one.place_key) if key}
        columns = tuple(table_of(Step).c[name] for name in ("id", *COMPARED))
        rows = find_by_keys(connection, columns, self._source_id, sorted(keys))
        return {row.source_key: row for row in rows}

    def _is_alone(self, connection: Connection, last_id: int) -> bool:
        """Tell whether every step of the source was written just now by this writer."""
        if self._alone_at is None:
            if not has_rows(connection, table_of(Step), self._source_id):
                self._alone_at = last_id
        elif self._alone_at != last_id:
            self._alone_at = None
        return self._alone_at is not None
