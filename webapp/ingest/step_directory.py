"""Keep the tables that steps are found by: of their names, and of the parts where values are.

A text is looked up among the names, not in all steps; for the parts see `models.parts`. A row stays
when its steps go: a writer that knows of it would not write it again.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from contextlib import AbstractContextManager
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, Select, Table, func, select

from ..models import (
    Base,
    Step,
    StepDurationPart,
    StepName,
    StepNamePart,
    ids_of_part,
    part_of,
    select_part,
    table_of,
)
from .bulk import new_upsert, upsert_rows
from .step_values import StepValues

_MODELS = (StepName, StepNamePart, StepDurationPart)
DIRECTORY = tuple(map(table_of, _MODELS))
# The rows of a table, without the names of its columns.
Keys = set[tuple[Any, ...]]


class StepsOfPart(NamedTuple):
    """Steps whose ids are in one part."""

    part: int
    steps: Sequence[StepValues]


def by_parts(steps: Iterable[tuple[int, StepValues]]) -> Iterator[StepsOfPart]:
    """Yield steps, given with their ids, by the parts that these are in, part after part."""
    ordered = sorted(steps, key=itemgetter(0))
    for part, some in groupby(ordered, lambda one: part_of(one[0])):
        yield StepsOfPart(part, [values for _, values in some])


class _Known:
    """Values that a writer knows to be in a table."""

    def __init__(self) -> None:
        self._values: set[Any] = set()

    def __len__(self) -> int:
        return len(self._values)

    def learn(self, values: Set[Any]) -> Set[Any]:
        """Return those that are new, and know them from now on."""
        new = values - self._values
        self._values |= new
        return new


class StepDirectory:
    """What a writer knows to be in these tables: all names, and of the latest part what is in it.

    After an error it is to be thrown away: what it learnt was taken back.
    """

    def __init__(self) -> None:
        """Begin with nothing."""
        self._names = _Known()
        self._go_to(-1)

    def write(self, connection: Connection, of_parts: Iterable[StepsOfPart]) -> None:
        """Add what is new of these steps, within the caller's transaction."""
        new: dict[type[Base], Keys] = {model: set() for model in _MODELS}
        for part, steps in of_parts:
            if part != self._part:
                self._go_to(part)
            names = {one.step_name for one in steps}
            durations = {one.duration_ms for one in steps}
            new[StepName].update((one,) for one in self._names.learn(names))
            new[StepNamePart].update((one, part) for one in self._names_of_part.learn(names))
            new[StepDurationPart].update((one, part) for one in self._durations.learn(durations))
        for model, keys in new.items():
            if keys:
                add_keys(connection, table_of(model), keys)

    def _go_to(self, part: int) -> None:
        """Forget what is of another part: else it would grow with the table."""
        self._part = part
        self._names_of_part, self._durations = _Known(), _Known()


def add_keys(connection: Connection, table: Table, keys: Iterable[tuple[Any, ...]]) -> None:
    """Add rows that are nothing but their keys, where they are not there."""
    statement = new_upsert(connection, table).on_conflict_do_nothing()
    upsert_rows(connection, statement, table.columns.keys(), sorted(keys))


def find_missing(
    connect: Callable[[], AbstractContextManager[Connection]],
) -> Iterator[tuple[Table, Sequence[Row[Any]]]]:
    """Yield of each table the rows that steps are not found without, and that are not there.

    They are looked for part by part; each look can have a connection of its own.
    """
    part = 0
    while True:
        ids = Step.id >= ids_of_part(part).start
        with connect() as connection:
            first_id = connection.scalar(select(func.min(Step.id)).where(ids))
        if first_id is None:
            return
        part = part_of(first_id)
        for table in DIRECTORY:
            with connect() as connection:
                rows = connection.execute(_select_missing(table, part)).all()
            yield table, rows
        part += 1


def _select_missing(table: Table, part: int) -> Select[Any]:
    """Select the rows that the steps of a part should have in one of the tables, and have not."""
    steps = table_of(Step).c
    values = {
        "name": steps.step_name,
        "step_name": steps.step_name,
        "duration_ms": steps.duration_ms,
        "part": select_part(steps.id),
    }
    columns = [values[one.name].label(one.name) for one in table.columns]
    # Said twice: SQLite's indexes have the part, PostgreSQL's the id.
    ids = ids_of_part(part)
    is_in = (select_part(steps.id) == part, steps.id.between(ids.start, ids.stop - 1))
    kept = select(*table.columns)
    if "part" in table.c:
        kept = kept.where(table.c.part == part)
    missing = select(*columns).where(*is_in).distinct().except_(kept).subquery()
    return select(*missing.c)
