"""Keep the counts of steps in step with the rows, as deltas added up over a batch."""

from collections import Counter as Sums
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Table, bindparam, update
from sqlalchemy.dialects import postgresql, sqlite

from ..models import BLOCK_SIZE, TOTAL_BLOCK, BlockCount, Run, StepCount, table_of


class StepCountDeltas:
    """What a batch changes in the counts: by block of ids, and by run."""

    def __init__(self) -> None:
        """Begin with no change."""
        self._blocks: Sums[tuple[int, str, str, str]] = Sums()
        self._runs: Sums[tuple[int, str]] = Sums()

    def add(self, step_id: int, values: Mapping[str, Any], n: int = 1) -> None:
        """Count a step with these column values n times; -1 takes it out."""
        key = (values["workspace"], values["status"], values["step_type"])
        self._blocks[(step_id // BLOCK_SIZE, *key)] += n
        self._blocks[(TOTAL_BLOCK, *key)] += n
        self._runs[(values["run_id"], values["status"])] += n

    def write(self, connection: Connection) -> None:
        """Add the deltas to the counts in the database, within the caller's transaction."""
        of_blocks: Sums[tuple[int, str, str]] = Sums()
        for (block, _, status, step_type), n in self._blocks.items():
            of_blocks[(block, status, step_type)] += n
        _add_up(connection, table_of(StepCount), self._blocks)
        _add_up(connection, table_of(BlockCount), of_blocks)
        self._write_runs(connection)

    def _write_runs(self, connection: Connection) -> None:
        for status in {status for _, status in self._runs}:
            column = table_of(Run).c[f"steps_{status}"]
            rows = [
                {"of_run": run_id, "delta": n}
                for (run_id, run_status), n in sorted(self._runs.items())
                if run_status == status and n
            ]
            if rows:
                statement = update(table_of(Run)).where(table_of(Run).c.id == bindparam("of_run"))
                connection.execute(
                    statement.values({column.name: column + bindparam("delta")}), rows
                )


def _add_up(connection: Connection, table: Table, deltas: Mapping[Any, int]) -> None:
    """Add the deltas to the rows of a table of counts; a key is its primary key, in order."""
    names = table.primary_key.columns.keys()
    rows = [dict(zip(names, key, strict=True), n=n) for key, n in sorted(deltas.items()) if n]
    if not rows:
        return
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = insert(table)
    grown = {"n": table.c.n + statement.excluded.n}
    connection.execute(
        statement.on_conflict_do_update(index_elements=list(names), set_=grown), rows
    )
