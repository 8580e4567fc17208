"""Keep the counts of steps in step with the rows, as deltas added up over a batch."""

from collections import Counter as Sums
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Table, bindparam, update
from sqlalchemy.dialects import postgresql, sqlite

from ..models import TOTAL_BLOCK, BlockCount, Run, StepCount, block_of, group_of, table_of


class StepCountDeltas:
    """What a batch changes in the counts: by block of ids, and by run."""

    def __init__(self) -> None:
        """Begin with no change."""
        self._cells: Sums[tuple[int, str, str, str, int]] = Sums()

    def add(self, step_id: int, values: Mapping[str, Any], n: int = 1) -> None:
        """Count a step with these column values n times; -1 takes it out."""
        block, status = block_of(step_id), values["status"]
        key = (block, values["workspace"], status, values["step_type"], values["run_id"])
        self._cells[key] += n

    def write(self, connection: Connection) -> None:
        """Add the deltas to the counts in the database, within the caller's transaction."""
        of_workspaces: Sums[tuple[int, str, str, str]] = Sums()
        of_blocks: Sums[tuple[int, str, str]] = Sums()
        of_runs: Sums[tuple[int, str]] = Sums()
        for (block, workspace, status, step_type, run_id), n in self._cells.items():
            of_runs[run_id, status] += n
            for one in (block, group_of(block), TOTAL_BLOCK):
                of_workspaces[one, workspace, status, step_type] += n
                of_blocks[one, status, step_type] += n
        add_up(connection, table_of(StepCount), of_workspaces)
        add_up(connection, table_of(BlockCount), of_blocks)
        add_to_runs(connection, of_runs)


def add_to_runs(connection: Connection, deltas: Mapping[Any, int]) -> None:
    """Add the deltas by (run_id, status) to the runs' own counts."""
    runs = table_of(Run)
    for changed in {status for _, status in deltas}:
        column = runs.c[f"steps_{changed}"]
        rows = [
            {"of_run": run_id, "delta": n}
            for (run_id, status), n in sorted(deltas.items())
            if status == changed and n
        ]
        if rows:
            statement = update(runs).where(runs.c.id == bindparam("of_run"))
            connection.execute(statement.values({column.name: column + bindparam("delta")}), rows)


def add_up(connection: Connection, table: Table, deltas: Mapping[Any, int]) -> None:
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
