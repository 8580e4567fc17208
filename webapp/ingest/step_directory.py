"""Keep the tables that steps are found by: of their names, and of the parts where values are.

A text is looked up among the names, not in all steps; for the parts see `models.parts`.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, Table, select

from ..models import (
    Base,
    Step,
    StepDurationPart,
    StepName,
    StepNamePart,
    select_part,
    table_of,
)
from .bulk import new_upsert, upsert_rows
from .step_values import StepValues

DIRECTORY = tuple(map(table_of, (StepName, StepNamePart, StepDurationPart)))
# The rows of a table, without the names of its columns.
Keys = set[tuple[Any, ...]]


class StepsOfPart(NamedTuple):
    """Steps whose ids are in one part."""

    part: int
    steps: Sequence[StepValues]


class StepDirectory:
    """What a writer knows to be in these tables: all names, and what is of one part or two."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._known: dict[type[Base], Keys] = defaultdict(set)
        self._part: int | None = None

    def write(self, connection: Connection, of_parts: Iterable[StepsOfPart]) -> None:
        """Add what is new of these steps, within the caller's transaction."""
        new: dict[type[Base], Keys] = defaultdict(set)
        for part, steps in of_parts:
            self._forget_others(part)
            names = {one.step_name for one in steps}
            new[StepName].update((name,) for name in names)
            new[StepNamePart].update((name, part) for name in names)
            new[StepDurationPart].update((ms, part) for ms in {one.duration_ms for one in steps})
        for model, keys in new.items():
            add_keys(connection, table_of(model), keys - self._known[model])
            self._known[model] |= keys

    def _forget_others(self, part: int) -> None:
        """Forget what is of other parts: else it would grow with the table."""
        if part != self._part:
            self._part = part
            for model in (StepNamePart, StepDurationPart):
                self._known[model].clear()


def add_keys(connection: Connection, table: Table, keys: Iterable[tuple[Any, ...]]) -> None:
    """Add rows that are nothing but their keys, where they are not there."""
    statement = new_upsert(connection, table).on_conflict_do_nothing()
    upsert_rows(connection, statement, table.columns.keys(), sorted(keys))


def select_missing(table: Table) -> Select[Any]:
    """Select the rows that the steps should have in one of the tables, and have not."""
    steps = table_of(Step).c
    values = {
        "name": steps.step_name,
        "step_name": steps.step_name,
        "duration_ms": steps.duration_ms,
        "part": select_part(steps.id),
    }
    columns = [values[one.name].label(one.name) for one in table.columns]
    missing = select(*columns).distinct().except_(select(*table.columns)).subquery()
    return select(*missing.c)
