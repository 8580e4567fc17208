"""Keep the counts of steps in step with the rows, as deltas added up over a batch."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from functools import cache
from operator import attrgetter
from typing import Any, Protocol

from sqlalchemy import Connection, Table, Update, bindparam, update

from ..models import (
    TOTAL_BLOCK,
    BlockCount,
    Run,
    StepCount,
    StepStatus,
    block_of,
    group_of,
    ids_of,
    table_of,
)
from .bulk import new_upsert, upsert_rows

# By what a step is counted within its block.
_cell_of = attrgetter("workspace", "status", "step_type", "run_id")


class CountedStep(Protocol):
    """The values of a step that it is counted by."""

    @property
    def run_id(self) -> int: ...
    @property
    def workspace(self) -> str: ...
    @property
    def status(self) -> str: ...
    @property
    def step_type(self) -> str: ...


class StepCountDeltas:
    """What a batch changes in the counts: by block of ids, and by run."""

    def __init__(self) -> None:
        """Begin with no change."""
        self._cells: dict[tuple[int, tuple[str, str, str, int]], int] = defaultdict(int)

    def add(self, step_id: int, step: CountedStep, n: int = 1) -> None:
        """Count a step n times; -1 takes it out."""
        self._cells[block_of(step_id), _cell_of(step)] += n

    def add_new(self, first_id: int, steps: Sequence[CountedStep]) -> None:
        """Count steps whose ids follow one upon the other; fast, as nearly all are counted so."""
        cells = list(map(_cell_of, steps))
        n_counted = 0
        while n_counted < len(cells):
            block = block_of(first_id + n_counted)
            end = ids_of(block).stop - first_id
            for cell, n in Counter(cells[n_counted:end]).items():
                self._cells[block, cell] += n
            n_counted = end

    def write(self, connection: Connection) -> None:
        """Add the deltas to the counts in the database, within the caller's transaction."""
        of_workspaces: dict[tuple[int, str, str, str], int] = defaultdict(int)
        of_blocks: dict[tuple[int, str, str], int] = defaultdict(int)
        of_runs: dict[tuple[int, str], int] = defaultdict(int)
        for (block, (workspace, status, step_type, run_id)), n in self._cells.items():
            of_runs[run_id, status] += n
            for one in (block, group_of(block), TOTAL_BLOCK):
                of_workspaces[one, workspace, status, step_type] += n
                of_blocks[one, status, step_type] += n
        add_up(connection, table_of(StepCount), of_workspaces)
        add_up(connection, table_of(BlockCount), of_blocks)
        add_to_runs(connection, of_runs)


def add_to_runs(connection: Connection, deltas: Mapping[Any, int]) -> None:
    """Add the deltas by (run_id, status) to the runs' own counts, each run's at once.

    PostgreSQL writes a changed row anew, often with all its entries in the indexes.
    """
    changes: dict[int, dict[str, int]] = defaultdict(lambda: dict.fromkeys(StepStatus, 0))
    for (run_id, status), n in sorted(deltas.items()):
        changes[run_id][status] += n
    rows = [
        {"of_run": run_id, **of_run} for run_id, of_run in changes.items() if any(of_run.values())
    ]
    if rows:
        connection.execute(_growing_runs(), rows)


@cache
def _growing_runs() -> Update:
    runs = table_of(Run)
    columns = ((status, runs.c[f"steps_{status}"]) for status in StepStatus)
    grown = {column.name: column + bindparam(status) for status, column in columns}
    return update(runs).where(runs.c.id == bindparam("of_run")).values(grown)


def add_up(connection: Connection, table: Table, deltas: Mapping[Any, int]) -> None:
    """Add the deltas to the rows of a table of counts; a key is its primary key, in order."""
    keys = table.primary_key.columns.keys()
    insert = new_upsert(connection, table)
    grown = {"n": table.c.n + insert.excluded.n}
    statement = insert.on_conflict_do_update(index_elements=keys, set_=grown)
    rows = [(*key, n) for key, n in sorted(deltas.items()) if n]
    upsert_rows(connection, statement, [*keys, "n"], rows)
